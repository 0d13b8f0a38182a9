// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of any number of devices come, in pages if one message does not hold them; asked for one
 * device, they are of that one.
 */
#include "testworker.h"

#define DISKS	48
#define QUEUES	16
#define CONFIG	"{\"null\":1048576,\"queues\":16,\"queue-size\":16}"

static struct testworker t;

/* Queues that have had a request each: their counters are not all 0. */
static bool run_disk(unsigned int slot)
{
	uint64_t off = testdrv_space(&t.drv) + PV_PAGE_SIZE +
		       (uint64_t)slot * QUEUES * 3 * PV_PAGE_SIZE;
	struct testdrv_queue qs[QUEUES];
	unsigned int i;

	for (i = 0; i < QUEUES; i++)
		off = testdrv_lay_out(&t.drv, &qs[i], off, 16, PV_PAGE_SIZE);
	return testdrv_take_features(&t.drv, slot) == PVBUS_R_OK &&
	       testdrv_start(&t.drv, slot, qs, QUEUES) == PVBUS_R_OK;
}

/* All pages: each device once, in order, with all its queues. Returns their number. */
static unsigned int count_devices(unsigned int *nr_pages)
{
	unsigned int next = 0, nr = 0;
	struct json_object *reply;
	char text[64];

	*nr_pages = 0;
	do {
		struct json_object *list;
		size_t i;

		snprintf(text, sizeof(text), "{\"op\":\"stats\",\"from\":%u}", next);
		reply = testworker_ask(&t, text, NULL, 0);
		list = hostd_json_get(reply, "devices");
		for (i = 0; list && i < json_object_array_length(list); i++) {
			struct json_object *dev = json_object_array_get_idx(list, i);

			if (hostd_json_u64(dev, "slot", DISKS) == nr &&
			    json_object_array_length(hostd_json_get(dev, "queues")) == QUEUES)
				nr++;
		}
		next = hostd_json_u64(reply, "next", 0);
		json_object_put(reply);
	} while (++*nr_pages < DISKS && next);
	return nr;
}

static bool is_alone(unsigned int slot)
{
	struct json_object *reply, *list;
	char text[64];
	bool alone;

	snprintf(text, sizeof(text), "{\"op\":\"stats\",\"slot\":%u}", slot);
	reply = testworker_ask(&t, text, NULL, 0);
	list = hostd_json_get(reply, "devices");
	alone = list && json_object_array_length(list) == 1 && !hostd_json_get(reply, "next") &&
		hostd_json_u64(json_object_array_get_idx(list, 0), "slot", DISKS) == slot;
	json_object_put(reply);
	return alone;
}

int main(void)
{
	unsigned int slot, nr_pages = 0, nr;
	bool good;

	ktap_plan(5);
	testworker_init(&t);
	good = testworker_spawn(&t, "");
	for (slot = 0; good && slot < DISKS; slot++)
		good = testworker_add(&t, slot, CONFIG, -1);
	good = good && testworker_tell(&t, "{\"op\":\"go\"}", NULL, 0) && testdrv_hello(&t.drv) == PVBUS_R_OK;
	for (slot = 0; good && slot < DISKS; slot++)
		good = run_disk(slot);
	ktap_ok(good, "%u disks run with %u queues each", DISKS, QUEUES);
	nr = count_devices(&nr_pages);
	ktap_ok(nr == DISKS, "all of them are told of, once");
	ktap_ok(nr_pages > 1, "on more than one page");
	ktap_note("%u pages", nr_pages);
	ktap_ok(is_alone(0) && is_alone(DISKS - 1), "one that is asked for is told of alone");
	ktap_ok(!testworker_quit(&t), "the worker ends well");
	return ktap_finish();
}
