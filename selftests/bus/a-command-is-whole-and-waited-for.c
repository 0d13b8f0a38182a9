// SPDX-License-Identifier: GPL-2.0-only
/*
 * BUS-G5, BUS-G6: no word of a command or its arguments changes while its seq says that there is one,
 * also where the acknowledgements of a new epoch are 0; one is outstanding at a time; an answer is
 * waited for a bounded time, less for a silent device side, and a late one is taken all the same.
 * pvbus/command.c as it is, against a device that the test plays.
 */
#include <errno.h>
#include <linux/jiffies.h>

#include "../../pvbus/pvbus.h"

#include "ktap.h"

#define EPOCH	7

static struct pvbus_driver_slot slot;
static struct pvbus_ack ack;
static struct pvbus_channel channel = { .cmd = &slot.cmd, .ack = &ack };
static u64 window_epoch = EPOCH;
static bool silent, deaf, end_epoch;
static unsigned int nr_given, nr_torn, nr_seen_twice;
static u32 last_given;
static unsigned long answer_after;

static void kick(struct pvbus_transport *transport, u32 peer, u16 vector)
{
	(void)transport;
	(void)peer;
	(void)vector;
	nr_given++;
	nr_seen_twice += slot.cmd.seq == ack.seq || slot.cmd.seq == last_given;
	last_given = slot.cmd.seq;
	nr_torn += !slot.cmd.seq || slot.generation != slot.nr_queues;
}

static const struct pvbus_transport_ops ops = { .kick = kick };
static struct pvbus_transport transport = { .ops = &ops };
static struct pvbus bus = { .transport = &transport, .epoch = EPOCH };

u64 pvbus_window_epoch(const struct pvbus *unused)
{
	(void)unused;
	return window_epoch;
}

bool pvbus_silent(const struct pvbus *unused)
{
	(void)unused;
	return silent;
}

/* Time passes, and the device looks at the window. */
void shim_sleep(unsigned long timeout)
{
	shim_jiffies += timeout;
	if (end_epoch)
		window_epoch = 0;
	if (deaf || !slot.cmd.seq || slot.cmd.seq == ack.seq)
		return;
	if (answer_after && time_after(answer_after, shim_jiffies))
		return;
	ack.result = PVBUS_R_OK;
	ack.seq = slot.cmd.seq;
}

static int begin(u64 epoch)
{
	return pvbus_command_begin(&bus, &channel, epoch, PVBUS_ANSWER_TIMEOUT);
}

static int give(u32 op, u64 epoch)
{
	int err = begin(epoch);

	if (err)
		return err;
	/* Both arguments of a command are the same here. */
	slot.generation++;
	nr_torn += slot.cmd.seq && slot.cmd.seq != ack.seq;
	slot.nr_queues = slot.generation;
	return pvbus_command(&bus, &channel, op, epoch);
}

static void whole(void)
{
	int i, err = 0;

	for (i = 0; i < 1000 && !err; i++) {
		/* A new life of the device side has acknowledged nothing. */
		if (i % 3 == 0)
			ack.seq = 0;
		err = begin(EPOCH);
		nr_torn += slot.cmd.seq != 0;
		err = err ?: give(PVBUS_CMD_RESET, EPOCH);
	}
	ktap_ok(!err && nr_given == 1000, "each command is given once and answered");
	ktap_ok(!nr_torn, "there is none while its words are written");
	ktap_ok(!nr_seen_twice, "its number is neither the last one nor the acknowledged one");

	/* The driver is loaded anew, into a window that another has left. */
	channel.seq = 41;
	slot.cmd.seq = 42;
	ack.seq = 43;
	last_given = 42;
	ktap_ok(!give(PVBUS_CMD_RESET, EPOCH) && !nr_seen_twice, "nor one that another driver has left");
	channel.seq = ~0U;
	ktap_ok(!give(PVBUS_CMD_RESET, EPOCH) && slot.cmd.seq, "nor 0 when the numbers wrap");
}

static void waited_for(void)
{
	unsigned long start = shim_jiffies;
	unsigned int given;

	deaf = true;
	ktap_ok(give(PVBUS_CMD_RESET, EPOCH) == -ETIMEDOUT, "an answer that does not come ends the wait");
	ktap_ok(shim_jiffies - start >= 5 * HZ && shim_jiffies - start <= 6 * HZ, "after 5 s");

	given = nr_given;
	ktap_ok(give(PVBUS_CMD_RESET, EPOCH) == -ETIMEDOUT && nr_given == given,
		"no other command is given before the answer");
	deaf = false;
	answer_after = shim_jiffies + HZ;
	ktap_ok(!give(PVBUS_CMD_RESET, EPOCH) && nr_given == given + 1, "a late answer is taken");
	ktap_ok(bus.alive_at > start + 5 * HZ, "and is a sign of life");

	silent = true;
	deaf = true;
	answer_after = 0;
	start = shim_jiffies;
	ktap_ok(give(PVBUS_CMD_RESET, EPOCH) == -ETIMEDOUT && shim_jiffies - start < HZ / 2,
		"a silent device side is not waited for");
	deaf = false;
	ktap_ok(!give(PVBUS_CMD_RESET, EPOCH), "but heard when it comes back");
	silent = false;
}

static void ended(void)
{
	unsigned long start = shim_jiffies;

	deaf = true;
	bus.frozen = true;
	ktap_ok(give(PVBUS_CMD_RESET, EPOCH) == -ESTALE && shim_jiffies - start < HZ / 2,
		"a freeze of the bus ends the wait");
	bus.frozen = false;
	end_epoch = true;
	start = shim_jiffies;
	ktap_ok(give(PVBUS_CMD_RESET, EPOCH) == -ESTALE && shim_jiffies - start < HZ / 2,
		"and so does the end of the epoch");
	end_epoch = false;
	deaf = false;
	window_epoch = EPOCH + 1;
	bus.epoch = EPOCH + 1;
	ktap_ok(!give(PVBUS_CMD_RESET, EPOCH + 1), "what was outstanding then holds up nobody");
}

int main(void)
{
	ktap_plan(15);
	whole();
	waited_for();
	ended();
	return ktap_finish();
}
