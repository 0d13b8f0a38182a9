// SPDX-License-Identifier: GPL-2.0-only
/*
 * A config area that makes no sense is refused, whatever is wrong with it. What the driver wants is said over the
 * control queue, whole, once at a time and again when it has changed (NET-G7); more than the device can filter is
 * asked for as all of its kind (NET-D10). A device that gives no answer is started anew, once, and nobody waits for
 * it. An answer to what was not asked breaks the device (RING-G3). pvnet/config.c and pvnet/settings.c as they are.
 * The table by which frames are spread is as large as the kernel was told, whatever a life that begins meanwhile says.
 */
#include "testnic.h"

#include "compat_ethtool.h"
#include "ktap.h"

static struct pvnet_config config;

int pvbus_read_config(struct pvbus_device *pdev, void *to, size_t len)
{
	if (len != sizeof(config))
		abort();
	memcpy(to, &config, len);
	return 0;
}

/* The config area. */

static const struct pvnet_config good = {
	.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, .mtu = 1500, .max_mtu = 9000, .max_frame = 9022, .rss_size = 128,
	.max_macs = 64, .hash_types = 0x3f,
};

/* With one member changed. */
#define refuses(what, change) do {						\
		struct pvnet_config copy, *c = &config;				\
										\
		config = good;							\
		change;								\
		ktap_ok(pvnet_read_config(&nic.pdev, &copy) == -EINVAL, "a config with %s is refused", what); \
	} while (0)

static void check_config(void)
{
	struct pvnet_config copy;

	config = good;
	ktap_ok(!pvnet_read_config(&nic.pdev, &copy) && !memcmp(&copy, &good, sizeof(copy)), "a good config is taken");
	refuses("no address", memset(c->mac, 0, 6));
	refuses("the address of a group", c->mac[0] |= 1);
	refuses("an MTU that is too small", c->mtu = 67);
	refuses("one that is larger than the largest", c->mtu = 9001);
	refuses("a largest MTU that cannot be", c->max_mtu = 65536);
	refuses("the largest number as one", c->max_mtu = ~0U);
	refuses("frames too short for its MTU", c->max_frame = 9021);
	refuses("frames too long", c->max_frame = PVNET_FRAME_MAX + 1);
	refuses("a table too large", c->rss_size = 256);
	refuses("a table of no power of two", c->rss_size = 96);
	config = good;
	config.max_mtu = 65535;
	config.max_frame = PVNET_FRAME_MAX;
	config.max_macs = 0xffff;
	config.hash_types = ~0U;
	config.reserved[0] = ~0ULL;
	ktap_ok(!pvnet_read_config(&nic.pdev, &copy), "what the driver does not use may be anything");
}

/* The control queue. */

static struct pvbus_queue *q = &nic.queues[TESTNIC_CTRL];

static void start(void)
{
	nic_init();
	nic.dev.name = "eth0";
	nic.dev.reg_state = NETREG_REGISTERED;
	nic.net.features = TESTNIC_FEATURES | BIT_ULL(PVNET_F_FILTER) | BIT_ULL(PVNET_F_RSS);
	nic.net.chosen = ~0ULL;
	nic.net.config = good;
	memcpy(nic.dev.dev_addr, good.mac, 6);
	nic_make_queue(TESTNIC_CTRL, PVNET_CTRL_SQE_SHIFT, sizeof(struct pvnet_settings));
	nic.pdev.queues = (struct pvbus_queue *[]) { q };
	pvnet_init_rss(&nic.net);
	pvnet_init_control(&nic.net);
	pvnet_control_start(&nic.net);
}

static void end(void)
{
	pvnet_control_stop(&nic.net);
	nic_free_queue(q);
}

static void answer(u32 id, u32 status)
{
	nic_post(TESTNIC_CTRL, id, status, 0);
	pvnet_control_poll(&nic.net);
	flush_work(&nic.net.control.work);
}

/* What is said now, or NULL; @id: of the command. */
static const struct pvnet_settings *said(u32 *id)
{
	const struct pvnet_ctrl_sqe *sqe = nic_take(TESTNIC_CTRL);

	if (!sqe)
		return NULL;
	if (le32toh(sqe->len) != sizeof(struct pvnet_settings) || sqe->op != PVNET_CTRL_SET ||
	    le64toh(sqe->data_off) != TESTNIC_CTRL * TESTNIC_OFF)
		ktap_ok(false, "a command is as it must be");
	*id = le32toh(sqe->id);
	return q->data;
}

static void change(void)
{
	pvnet_change_settings(&nic.net);
	flush_work(&nic.net.control.work);
}

static void check_turns(void)
{
	const struct pvnet_settings *s;
	u32 id = 0, next = 0;

	start();
	s = said(&id);
	ktap_ok(s && !memcmp(s->mac, good.mac, 6) && s->mode == (PVNET_M_UP | PVNET_M_VLANS | PVNET_M_HASH | PVNET_M_RSS) &&
		s->nr_pairs == 1 && s->mtu == 1500 && s->hash_types == 0x3f && !(s->offloads & ~nic.net.features),
		"all that is wanted is said at the start");
	nic.dev.mtu = 4000;
	change();
	ktap_ok(!said(&next) && s->mtu == 1500, "while a command is outstanding nothing changes");
	answer(id, PVNET_S_OK);
	s = said(&next);
	ktap_ok(s && s->mtu == 4000 && next != id, "then the change is said");
	answer(next, PVNET_S_INVAL);
	ktap_ok(!said(&id) && !stack.broken && shim_log_lines, "settings that are not taken are no lie, and are logged");
	nic.dev.running = false;
	change();
	s = said(&id);
	ktap_ok(s && !(s->mode & PVNET_M_UP), "a NIC that goes down says so");
	end();
}

static void expect_lie(const char *what, u32 xor, unsigned int answers)
{
	u32 id = 0, next;

	start();
	said(&id);
	while (answers--)
		answer(id ^ xor, PVNET_S_OK);
	change();
	ktap_ok(stack.broken && !said(&next), "%s breaks the device, which is told nothing more", what);
	end();
}

/* So long a device that is silent is waited for, and a little more. */
static void wait_for_answer(void)
{
	jiffies += 10 * HZ;
	pvnet_control_poll(&nic.net);
	flush_work(&nic.net.control.work);
	jiffies += HZ / 2;
	pvnet_control_poll(&nic.net);
	flush_work(&nic.net.control.work);
}

static void begin_anew(void)
{
	pvnet_control_stop(&nic.net);
	nic_make_queue(TESTNIC_CTRL, PVNET_CTRL_SQE_SHIFT, sizeof(struct pvnet_settings));
	pvnet_control_start(&nic.net);
}

static void check_silence(void)
{
	u32 id = 0, i;

	start();
	said(&id);
	shim_log_lines = 0;
	jiffies += 10 * HZ;
	change();
	ktap_ok(!stack.restarts && !shim_log_lines, "an answer has its time");
	wait_for_answer();
	ktap_ok(stack.restarts == 1 && shim_log_lines == 1, "a device that gives none is started anew, and that is said");
	begin_anew();
	ktap_ok(said(&id), "it is told all once more");
	wait_for_answer();
	ktap_ok(stack.restarts == 1 && shim_log_lines == 2, "one that still gives none is not, as it would receive nothing");
	for (i = 0; i < 100; i++)
		wait_for_answer();
	ktap_ok(stack.restarts == 1 && shim_log_lines == 2 && !stack.broken, "nor complained of again");
	answer(id, PVNET_S_OK);
	change();
	for (i = 0; i < 100; i++)
		wait_for_answer();
	ktap_ok(said(&id) && stack.restarts == 2, "until it has given one");
	end();
}

static void check_filters(void)
{
	struct netdev_hw_addr addrs[PVNET_MACS_MAX + 1] = { 0 };
	const struct pvnet_settings *s;
	u32 id = 0;

	start();
	said(&id);
	nic.dev.uc = addrs;
	nic.dev.mc = addrs + 2;
	nic.dev.nr_uc = 2;
	nic.dev.nr_mc = PVNET_MACS_MAX - 2;
	addrs[2].addr[0] = 0x33;
	nic.net.vlans[5] = 0x80;
	change();
	answer(id, PVNET_S_OK);
	s = said(&id);
	ktap_ok(s && s->nr_macs == PVNET_MACS_MAX && s->macs[2][0] == 0x33 && s->vlans[5] == 0x80 &&
		!(s->mode & (PVNET_M_PROMISC | PVNET_M_ALLMULTI)), "as many addresses as the device knows are said, and VLANs");
	nic.dev.nr_mc++;
	change();
	answer(id, PVNET_S_OK);
	s = said(&id);
	ktap_ok(s && s->mode & PVNET_M_ALLMULTI && !(s->mode & PVNET_M_PROMISC) && s->nr_macs == 2, "with more groups all groups");
	nic.dev.nr_uc = PVNET_MACS_MAX + 1;
	change();
	answer(id, PVNET_S_OK);
	s = said(&id);
	ktap_ok(s && s->mode & PVNET_M_PROMISC, "with more addresses all");
	/* A device that says it knows more than there is room for. */
	nic.net.config.max_macs = 0xffff;
	nic.net.vlans[5] = 0;
	change();
	answer(id, PVNET_S_OK);
	s = said(&id);
	ktap_ok(s && s->mode & PVNET_M_PROMISC && !s->nr_macs, "and never more than there is room for");
	end();
}

/* Between the question how large the table is and what is done with it, a life begins with another one. */
static void check_table(void)
{
	struct ethtool_rxfh_param param = { .hfunc = ETH_RSS_HASH_NO_CHANGE };
	u32 id = 0, i, size;
	bool same = true;

	start();
	said(&id);
	nic.net.config.rss_size = 16;
	pvnet_init_rss(&nic.net);
	size = pvnet_get_rxfh_indir_size(&nic.dev);
	param.indir = calloc(size, sizeof(*param.indir));
	nic.net.config.rss_size = PVNET_RSS_SIZE_MAX;
	for (i = 0; i < size; i++)
		param.indir[i] = i;
	ktap_ok(!pvnet_set_rxfh(&nic.dev, &param, NULL), "a table is set");
	memset(param.indir, 0xff, size * sizeof(*param.indir));
	ktap_ok(!pvnet_get_rxfh(&nic.dev, &param), "and asked for");
	for (i = 0; i < size; i++)
		same &= param.indir[i] == i;
	for (i = 0; i < PVNET_RSS_SIZE_MAX; i++)
		same &= nic.net.rss.table[i] == i % size;
	ktap_ok(same && size == 16, "it is as large as before, in a life with a larger one too");
	free(param.indir);
	end();
}

int main(void)
{
	ktap_plan(32);
	check_config();
	check_turns();
	check_silence();
	expect_lie("an answer to another command", 1, 1);
	expect_lie("a second answer", 0, 2);
	check_filters();
	check_table();
	return ktap_finish();
}
