// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's memory is found by the nonce, in a file that QEMU shares, and nowhere else; the helper
 * believes neither guest nor worker (BALLOON-D1).
 */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include <linux/memfd.h>

#include "balloon/ram_file.h"
#include "testram.h"
#include "lib/util.h"

static void check_lies(void)
{
	testballoon_start(&b, 0);
	ktap_ok(testballoon_tell(&b, 128 * MIB, 4 * MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN,
		"a proof outside its region");
	ktap_ok(testballoon_tell(&b, 96 * MIB, 4 * MIB, 96 * MIB + 8) == PVBALLOON_S_UNPROVEN,
		"a proof that is not a page");
	ktap_ok(testballoon_tell(&b, -8 * MIB, 8 * MIB, -4 * MIB + PAGE) == PVBALLOON_S_UNPROVEN,
		"a region at the end of all addresses");
	ktap_ok(inflate(-2 * MIB, 2 * MIB) == PVBALLOON_S_OK, "from which something may be given");
	write_proof(at(200 * MIB));
	write_proof(at(300 * MIB));
	ktap_ok(testballoon_tell(&b, 200 * MIB, 4 * MIB, 200 * MIB) == PVBALLOON_S_OK,
		"a proof in two places is taken where machines have it");
}

/* No known layout: found by the search, at a distance of a multiple of 1 MiB. */
static void check_search(void)
{
	uint64_t addr = 7 * GIB + 5 * PAGE, off = 33 * MIB + 5 * PAGE;

	testballoon_start(&b, 0);
	write_proof(guest.base + off);
	fill(guest.base + off + PAGE, 3 * PAGE);
	ktap_ok(testballoon_tell(&b, addr, MIB, addr) == PVBALLOON_S_OK, "another layout is searched for");
	ktap_ok(inflate(addr + 2 * PAGE, PAGE) == PVBALLOON_S_OK &&
			is_empty(guest.base + off + 2 * PAGE, PAGE) &&
			is_filled(guest.base + off + PAGE, PAGE) &&
			is_filled(guest.base + off + 3 * PAGE, PAGE), "and what is given freed there");
	ktap_ok(testballoon_tell(&b, 9 * GIB, MIB, 9 * GIB + 3 * PAGE) == PVBALLOON_S_UNPROVEN &&
			inflate(9 * GIB, MIB) == PVBALLOON_S_OK, "no nonce, no proof");
}

static bool note_says(const char *text)
{
	struct json_object *obj = json_object_new_object(), *note = NULL;
	bool ok;

	b.t.bus->devices[0].ops->describe(&b.t.bus->devices[0], obj);
	ok = json_object_object_get_ex(obj, "ram_note", &note) &&
	     strstr(json_object_get_string(note), text);
	json_object_put(obj);
	return ok;
}

/* Not the guest's memory at all: too small, not there, only read. */
static void check_files(void)
{
	char path[TMP_LEN], none[TMP_LEN + 8];
	int fd = mkstemp(tmp_path(path, "ram"));
	void *map;

	snprintf(none, sizeof(none), "%s.none", path);
	start(none, PAGE);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN &&
			inflate(MIB, MIB) == PVBALLOON_S_OK, "without a file it is only counted");
	ktap_ok(end_helper() == 0, "its helper ends with the device");

	start(path, PAGE);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN, "so with an empty one");
	if (ftruncate(fd, 4 * MIB) || pwrite(fd, testballoon_config(&b)->nonce, PVBALLOON_NONCE_LEN, MIB) < 0)
		ktap_bail("file");
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN,
		"and with one that QEMU has not mapped");
	map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_OK,
		"which is looked for again when a region is told again");
	ktap_ok(end_helper() == 0, "its helper ends in its sandbox");
	munmap(map, 4 * MIB);
	close(fd);
	unlink(path);
	if (mkfifo(path, 0600))
		ktap_bail("fifo");
	start(path, PAGE);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN && note_says("it is no file"),
		"what is no file is not opened");
	end_helper();
	unlink(path);
}

/* QEMU has mapped a part of a file in which there is more, and another, each from its own place. */
static void check_parts(void)
{
	int fd = memfd_create("parts", MFD_CLOEXEC);
	uint8_t *map, page[PAGE], *all;
	unsigned int i;

	if (fd < 0 || ftruncate(fd, 64 * MIB))
		ktap_bail("memory");
	memset(page, 0x5a, sizeof(page));
	for (i = 0; i < 64; i++) {
		if (pwrite(fd, page, PAGE, i * MIB) != PAGE)
			ktap_bail("write");
	}
	map = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 16 * MIB);
	/* The kernel cuts it into three. */
	mprotect(map + 4 * MIB, 4 * MIB, PROT_READ);
	mprotect(map + 4 * MIB, 4 * MIB, PROT_READ | PROT_WRITE);
	madvise(map + 8 * MIB, 4 * MIB, MADV_DONTFORK);
	start("auto", PAGE);
	write_proof(map + 5 * MIB);
	ktap_ok(testballoon_tell(&b, 0, 64 * MIB, 25 * MIB) == PVBALLOON_S_OK && note_says("parts"),
		"memory in a part of a file is found");
	ktap_ok(inflate(0, 64 * MIB) == PVBALLOON_S_OK, "of which all is given");
	all = mmap(NULL, 64 * MIB, PROT_READ, MAP_SHARED, fd, 0);
	for (i = 0; i < 64 && all[i * MIB] == (i >= 16 && i < 32 ? 0 : 0x5a); i++)
		;
	ktap_ok(i == 64, "what QEMU has mapped is freed, and nothing before and after it");
	if (i < 64)
		ktap_note("not so at %u MiB", i);
	end_helper();
	munmap(all, 64 * MIB);
	munmap(map, 16 * MIB);
	close(fd);
}

/* The status of a region whose proof is in @fd. */
static uint32_t tell_in(int fd)
{
	uint32_t status;

	start("auto", PAGE);
	if (pwrite(fd, testballoon_config(&b)->nonce, PVBALLOON_NONCE_LEN, MIB) != PVBALLOON_NONCE_LEN)
		ktap_bail("write");
	status = testballoon_tell(&b, MIB, MIB, MIB);
	end_helper();
	return status;
}

/* QEMU has other files in memory too, of which its guest may write some: as the window. */
static void check_candidates(void)
{
	int fd = memfd_create("other", MFD_CLOEXEC), kind;
	void *map;

	if (ftruncate(fd, 4 * MIB))
		ktap_bail("memory");
	ktap_ok(tell_in(fd) == PVBALLOON_S_UNPROVEN, "a file that QEMU has not mapped is no memory");
	for (kind = MAP_SHARED; kind <= MAP_PRIVATE; kind++) {
		map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, kind, fd, 0);
		ktap_ok(tell_in(fd) == (kind == MAP_SHARED ? PVBALLOON_S_OK : PVBALLOON_S_UNPROVEN),
			"one that it has mapped %s", kind == MAP_SHARED ? "to share" : "for itself: neither");
		munmap(map, 4 * MIB);
	}
	map = mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, 0);
	ktap_ok(tell_in(fd) == PVBALLOON_S_UNPROVEN, "only to read it: neither");
	munmap(map, 4 * MIB);
	map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fstat(fd, &window);
	ktap_ok(tell_in(fd) == PVBALLOON_S_UNPROVEN, "nor is the window");
	memset(&window, 0, sizeof(window));
	munmap(map, 4 * MIB);
	close(fd);
}

/* No huge page is needed for the refusal. */
static void check_huge(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	char path[64];
	void *map;

	if (fd < 0 || ftruncate(fd, 8 * MIB)) {
		ktap_skip("huge pages need a granule", "no hugetlbfs");
		ktap_skip("that is as large", "no hugetlbfs");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	map = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	start(path, PAGE);
	ktap_ok(testballoon_tell(&b, MIB, MIB, MIB) == PVBALLOON_S_UNPROVEN &&
			note_says("give granule=2M"), "huge pages need a granule");
	end_helper();
	start(path, 2 * MIB);
	ktap_ok(testballoon_tell(&b, 2 * MIB, 2 * MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN &&
			note_says("is not in"), "that is as large");
	end_helper();
	munmap(map, 8 * MIB);
	close(fd);
}

/* In a /dev of its own, with what VFIO and vDPA have there. Nothing comes after it. */
static void check_pinned(void)
{
	static const char * const paths[] = { "/dev/vfio/1", "/dev/vhost-vdpa-0" };
	bool own = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		   !mount("none", "/dev", "tmpfs", 0, NULL) && !mkdir("/dev/vfio", 0700);
	unsigned int i;
	int fd;

	for (i = 0; i < 2; i++) {
		if (!own) {
			ktap_skip("beside a device that is passed through nothing is returned", "not root");
			continue;
		}
		fd = open(paths[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		start("auto", PAGE);
		write_proof(at(2 * MIB));
		ktap_ok(testballoon_tell(&b, MIB, LOW - MIB, 2 * MIB) == PVBALLOON_S_UNPROVEN &&
				note_says("passed through"),
			"beside a device that is passed through nothing is returned: %s", paths[i]);
		end_helper();
		close(fd);
	}
}

/* What the helper does with a request, as bytes that it freed; it is not asked by a device here. */
static uint64_t ask_helper_of(int fd, uint32_t op, struct hostd_ram_range range, const char *nonce)
{
	struct hostd_ram_message msg = { .rq = { .op = op, .nr = 1 }, .ranges = { range } };
	struct hostd_ram_reply reply = { 0 };

	strncpy((char *)msg.rq.nonce, nonce, sizeof(msg.rq.nonce));
	if (send(fd, &msg, sizeof(msg.rq) + sizeof(msg.ranges[0]), MSG_NOSIGNAL) < 0 ||
	    recv(fd, &reply, sizeof(reply), 0) != sizeof(reply))
		return -1;
	return op == HOSTD_RAM_PROVE ? reply.proven : reply.punched;
}

static uint64_t ask_helper(int fd, uint32_t op, uint64_t addr, uint64_t len, const char *nonce)
{
	return ask_helper_of(fd, op, (struct hostd_ram_range) { addr, len, addr }, nonce);
}

/* Whether a process has a file open. */
static bool opened_by(pid_t pid, const struct stat *file)
{
	char path[64];
	struct stat st;
	int fd;

	for (fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		if (!stat(path, &st) && st.st_ino == file->st_ino && st.st_dev == file->st_dev)
			return true;
	}
	return false;
}

/* A search has an end, however large the file and slow its disk: no guest keeps the helper busy. */
static void check_patience(void)
{
	static const uint8_t nonce[PVBALLOON_NONCE_LEN] = "far away";
	struct hostd_ram_range region = { 7 * GIB, MIB, 7 * GIB };
	struct hostd_ram_files files = { .nr = 1 };
	struct hostd_ram_extent extent;
	int fd = memfd_create("far", MFD_CLOEXEC);

	if (ftruncate(fd, 64 * MIB) || pwrite(fd, nonce, sizeof(nonce), 33 * MIB) != sizeof(nonce))
		ktap_bail("memory");
	files.all[0] = (struct hostd_ram_file) {
		.fd = fd, .size = 64 * MIB, .nr_maps = 1, .maps = { { 0, 64 * MIB } },
	};
	files.until_ms = hostd_now_ms() + 60000;
	ktap_ok(!hostd_ram_search(&files, &region, nonce, &extent) && extent.off == 33 * MIB,
		"a search finds what is there");
	files.until_ms = hostd_now_ms();
	ktap_ok(hostd_ram_search(&files, &region, nonce, &extent) == -ENOENT, "until its time is over");
	close(fd);
}

/*
 * A helper that is root, for a QEMU that is not: which has a file of root's in its hands that it may
 * not even read. It must not be opened for it.
 */
static void check_rights(void)
{
	static const char nonce[] = "it is not QEMU's";
	char path[] = "/dev/shm/pvkit-root-XXXXXX";
	int fd = geteuid() ? -1 : mkstemp(path), pipe_fds[2], ends[2], place;
	struct hostd_ram_options opt = { .ram = "auto", .granule = PAGE };
	struct stat st;
	char byte;

	if (fd < 0 || ftruncate(fd, 4 * MIB) || write(fd, nonce, PVBALLOON_NONCE_LEN) < 0 || pipe(pipe_fds)) {
		ktap_skip("a QEMU without rights has nothing opened for it", "not root");
		return;
	}
	place = open(path, O_PATH);
	fstat(fd, &st);
	opt.qemu = fork();
	if (!opt.qemu) {
		/* As if it had mapped it: what the helper checks is seen in maps. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
			_exit(1);
		close(fd);
		if (setresuid(65534, 65534, 65534) || write(pipe_fds[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(fd);
	if (read(pipe_fds[0], &byte, 1) != 1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		ktap_bail("no QEMU");
	close(place);
	guest.helper = fork();
	if (!guest.helper) {
		close(ends[0]);
		_exit(hostd_ram_serve(ends[1], &opt));
	}
	close(ends[1]);
	ktap_ok(!ask_helper(ends[0], HOSTD_RAM_PROVE, 0, 4 * MIB, nonce) &&
		!opened_by(guest.helper, &st), "a QEMU without rights has nothing opened for it");
	close(ends[0]);
	waitpid(guest.helper, NULL, 0);
	kill(opt.qemu, SIGKILL);
	waitpid(opt.qemu, NULL, 0);
	unlink(path);
}

/* Regions whose proofs are elsewhere, and not at a page. */
static uint64_t prove_wrongly(int fd, const char *nonce)
{
	struct hostd_ram_range behind = { 140 * MIB, 4 * MIB, 132 * MIB };
	struct hostd_ram_range before = { 120 * MIB, 4 * MIB, 132 * MIB };
	/* If it ended where the file ends, its proof would be at that page. */
	struct hostd_ram_range odd = { 139 * MIB, guest.size + 8 * MIB + 8 - 139 * MIB, 140 * MIB + 8 };

	return ask_helper_of(fd, HOSTD_RAM_PROVE, behind, nonce) +
	       ask_helper_of(fd, HOSTD_RAM_PROVE, before, nonce) +
	       ask_helper_of(fd, HOSTD_RAM_PROVE, odd, nonce);
}

/* A worker that was taken over. */
static void check_helper(void)
{
	static const char nonce[] = "0123456789abcdef";
	int fd = start_helper("auto", PAGE), status;

	fill(at(128 * MIB), 16 * MIB);
	memcpy(at(132 * MIB), nonce, PVBALLOON_NONCE_LEN);
	ktap_ok(!ask_helper(fd, HOSTD_RAM_PUNCH, 128 * MIB, MIB, "") && is_filled(at(128 * MIB), MIB),
		"the helper frees nothing before there is a proof");
	ktap_ok(!ask_helper(fd, HOSTD_RAM_PROVE, 132 * MIB, 4 * MIB, "0123456789abcdeg"),
		"for which the whole nonce is needed");
	ktap_ok(!prove_wrongly(fd, nonce), "in a page of the region");
	ktap_ok(ask_helper(fd, HOSTD_RAM_PROVE, 132 * MIB, 4 * MIB, nonce) == 4 * MIB, "a region is proven");
	ktap_ok(ask_helper(fd, HOSTD_RAM_PROVE, 132 * MIB, 8 * MIB, nonce) == 4 * MIB, "once");
	ktap_ok(ask_helper(fd, HOSTD_RAM_PUNCH, 130 * MIB, 8 * MIB, "") == 4 * MIB &&
			is_filled(at(130 * MIB), 2 * MIB) && is_empty(at(132 * MIB), 4 * MIB) &&
			is_filled(at(136 * MIB), 2 * MIB), "of what is asked the part in it is freed");
	ktap_ok(!ask_helper(fd, HOSTD_RAM_PUNCH, -MIB, 2 * MIB, "") && is_filled(at(136 * MIB), 8 * MIB),
		"and nothing where addresses wrap around");
	ktap_ok(ask_helper(fd, 7, 0, MIB, "") == UINT64_MAX, "nonsense is not answered");
	waitpid(guest.helper, &status, 0);
	ktap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "but ends it");
	close(fd);
}

int main(void)
{
	ktap_plan(40);
	make_memory();
	start("auto", PAGE);
	write_proof(at(2 * MIB));
	check_lies();
	check_search();
	ktap_ok(end_helper() == 0, "the helper ends with the device");
	check_files();
	check_candidates();
	check_huge();
	check_parts();
	check_patience();
	check_rights();
	check_helper();
	check_pinned();
	return ktap_finish();
}
