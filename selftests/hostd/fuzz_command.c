// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: whatever the driver writes into its pages and its queue descriptors, the
 * device side neither crashes nor touches memory outside the window.
 *
 * The input is a sequence of writes and commands, each one byte of opcode, two of
 * place, and eight of value.
 */
#include "testbus.h"

#define STEP	11

static struct testbus t;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	testbus_init(&t);
	testbus_add(&t, 0, 1, TESTBUS_NULL, -1);
	testbus_add(&t, 1, 2, TESTBUS_NULL, -1);
	hostd_bus_begin_epoch(t.bus);
	return 0;
}

/* A layout that START takes, for later bytes to spoil. */
static void lay_out(uint64_t value)
{
	struct pvbus_queue_desc *descs = (void *)(t.drv.base + testdrv_space(&t.drv));
	uint64_t off = testdrv_space(&t.drv) + PV_PAGE_SIZE;
	struct testdrv_queue q;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		off = testdrv_lay_out(&t.drv, &q, off, 2U << (value % 7), 1 << 16);
		descs[i] = q.desc;
	}
	for (i = 0; i < 2; i++) {
		testdrv_slot(&t.drv, i)->nr_queues = htole32(1 + value % 4);
		testdrv_slot(&t.drv, i)->queues_off = htole64(testdrv_space(&t.drv));
		testdrv_slot(&t.drv, i)->generation = testdrv_entry(&t.drv, i)->generation;
		testdrv_slot(&t.drv, i)->features[0] = htole64(value >> 8 & 0x3f);
		testdrv_slot(&t.drv, i)->features[1] = 0;
	}
}

static void step(uint8_t op, uint16_t at, uint64_t value)
{
	uint64_t drv_off = t.bus->win.drv_off;
	uint64_t space = testdrv_space(&t.drv);

	switch (op % 8) {
	case 0:		/* the driver's pages */
		memcpy(t.drv.base + drv_off + at % 512, &value, sizeof(value));
		break;
	case 1:		/* the descriptors */
		memcpy(t.drv.base + space + at % 256, &value, sizeof(value));
		break;
	case 2:
		testdrv_driver_header(&t.drv)->version = htole32(1 + value % 2);
		memset(testdrv_driver_header(&t.drv)->features, 0, 16);
		testdrv_send(&t.drv, &testdrv_driver_header(&t.drv)->cmd, 1 + value % 3);
		break;
	case 3:
		lay_out(value);
		break;
	case 4:
	case 5:
		testdrv_send(&t.drv, &testdrv_slot(&t.drv, at % 3)->cmd, 3 + value % 4);
		break;
	case 6:		/* rings and data */
		memcpy(t.drv.base + space + 4096 + at, &value, sizeof(value));
		break;
	default:	/* the operator's hand */
		if (!t.bus->devices[1].ops)
			testbus_add(&t, 1, 2 + (value & 7), TESTBUS_NULL, -1);
		else
			hdev_remove(&t.bus->devices[1], value & 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t value;
	uint16_t at;

	memset(t.drv.base + t.bus->win.drv_off, 0,
	       TESTBUS_WINDOW - t.bus->win.drv_off > 65536 * 4 ? 65536 * 4 : 4096);
	hostd_bus_begin_epoch(t.bus);
	if (size && *data & 1)
		testdrv_hello(&t.drv);
	for (; size >= STEP; size -= STEP, data += STEP) {
		memcpy(&at, data + 1, sizeof(at));
		memcpy(&value, data + 3, sizeof(value));
		step(*data, at, value);
		if (*data & 0x80)
			continue;
		testbus_pump(&t);
	}
	testbus_pump(&t);
	hostd_bus_beat(t.bus);
	return 0;
}
