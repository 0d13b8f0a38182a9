// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands to the device side and their answers (Documentation/abi/bus.md, Commands).
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/sched/clock.h>
#include <asm/barrier.h>
#include "pvbus.h"
#include "trace.h"

#define ANSWER_POLL	max(HZ / 100, 1)

/* What a sleep may be believed to cost, in ns. */
#define SLEEP_NS_MIN	(5 * NSEC_PER_USEC)
#define SLEEP_NS_MAX	(300 * NSEC_PER_USEC)

static int result_errno(u32 result)
{
	switch (result) {
	case PVBUS_R_OK:
		return 0;
	case PVBUS_R_VERSION:
		return -EPROTONOSUPPORT;
	case PVBUS_R_REFUSED:
		return -EPERM;
	case PVBUS_R_FEATURES:
		return -EOPNOTSUPP;
	case PVBUS_R_GENERATION:
		return -ENODEV;
	case PVBUS_R_STATE:
	case PVBUS_R_QUEUES:
	case PVBUS_R_OP:
	default:
		return -EPROTO;
	}
}

static bool answered(const struct pvbus_ack *ack, u32 seq)
{
	/* Pairs with the release in host-ref/worker/bus/window.c:write_ack(): the result is there. */
	return le32_to_cpu(virt_load_acquire(&ack->seq)) == seq;
}

/*
 * Every command is a doorbell, two wake-ups and an interrupt. A single one may find
 * the device side awake, or wait for a drain: an average, of believable values.
 */
static void note_sleep(struct pvbus *bus, u64 ns)
{
	u32 cost = clamp_t(u64, ns, SLEEP_NS_MIN, SLEEP_NS_MAX);
	u32 before = READ_ONCE(bus->sleep_ns);

	/* Each device has a channel: what two note at once may get lost. */
	WRITE_ONCE(bus->sleep_ns, before ? (3 * before + cost) / 4 : cost);
}

/* Is nobody there any more to whom the command could be of use? */
static bool pointless(const struct pvbus *bus, const struct pvbus_channel *channel)
{
	if (pvbus_window_epoch(bus) != channel->epoch)
		return true;
	if (channel->op == PVBUS_CMD_BYE)
		return false;
	if (READ_ONCE(bus->frozen))
		return true;
	return channel->op != PVBUS_CMD_HELLO && READ_ONCE(bus->epoch) != channel->epoch;
}

/* Wait for the answer to the command that is outstanding. */
static int wait_answer(struct pvbus *bus, struct pvbus_channel *channel)
{
	bool late;

	for (;;) {
		/* Asked before the answer is looked at, which then has had its time. */
		late = time_after_eq(jiffies, channel->end) || pvbus_silent(bus);
		wait_event_timeout(bus->wait, answered(channel->ack, channel->seq), ANSWER_POLL);
		if (pointless(bus, channel))
			return -ESTALE;
		if (answered(channel->ack, channel->seq)) {
			channel->epoch = 0;
			WRITE_ONCE(bus->alive_at, jiffies);
			return 0;
		}
		if (late)
			return -ETIMEDOUT;
	}
}

/**
 * pvbus_command_begin() - take the place of a command, to write its arguments
 * @bus: the bus
 * @channel: where it is given
 * @epoch: the epoch it is meant for
 * @timeout: jiffies in which it must be answered; less if the device side is silent
 *
 * One command is outstanding at a time: the last one, if nobody waited for its answer long
 * enough, is waited for first. Context: process. Return: 0; -ESTALE: the epoch is over, or
 * the bus is frozen; -ETIMEDOUT.
 */
int pvbus_command_begin(struct pvbus *bus, struct pvbus_channel *channel, u64 epoch,
			unsigned long timeout)
{
	int err;

	channel->end = jiffies + timeout;
	if (channel->epoch == epoch) {
		err = wait_answer(bus, channel);
		if (err)
			return err;
	}
	channel->left = le32_to_cpu(READ_ONCE(channel->cmd->seq));
	WRITE_ONCE(channel->cmd->seq, 0);
	/* BUS-G5: whoever sees any of the new command's words sees that there is none yet. */
	virt_mb();
	return 0;
}

/**
 * pvbus_command() - give a command and wait for its answer
 * @bus: the bus
 * @channel: where; pvbus_command_begin() was called, and the arguments are written
 * @op: PVBUS_CMD_*
 * @epoch: the epoch it is meant for
 *
 * Context: process; one caller per channel at a time.
 * Return: 0; -ESTALE: the epoch is over, or the bus is frozen; -ETIMEDOUT: no answer yet; or
 * by the result -EPROTONOSUPPORT, -EPERM, -EOPNOTSUPP, -ENODEV, -EPROTO.
 */
int pvbus_command(struct pvbus *bus, struct pvbus_channel *channel, u32 op, u64 epoch)
{
	u32 seq = channel->seq + 1, seen = le32_to_cpu(READ_ONCE(channel->ack->seq));
	u64 start;
	int err;

	while (!seq || seq == seen || seq == channel->left)
		seq++;
	channel->seq = seq;
	channel->epoch = epoch;
	channel->op = op;

	WRITE_ONCE(channel->cmd->epoch, cpu_to_le64(epoch));
	WRITE_ONCE(channel->cmd->op, cpu_to_le32(op));
	/* Pairs with the acquire in hostd_window_get_command() of host-ref: the arguments are there. */
	virt_store_release(&channel->cmd->seq, cpu_to_le32(seq));
	/* The doorbell, an I/O access, comes after the command in every observer's eyes. */
	virt_mb();
	start = local_clock();
	bus->transport->ops->kick(bus->transport, le32_to_cpu(READ_ONCE(bus->hdr.peer)), PVBUS_VECTOR_BUS);

	err = wait_answer(bus, channel);
	if (!err) {
		note_sleep(bus, local_clock() - start);
		err = result_errno(le32_to_cpu(READ_ONCE(channel->ack->result)));
	}
	trace_pvbus_command(bus->id, op, seq, err);
	return err;
}

/**
 * pvbus_sleep_ns() - what it costs to sleep for an answer of the device side
 * @pdev: the device
 *
 * Measured on commands: a doorbell, two wake-ups and an interrupt. Waiting awake for
 * up to this long never costs more than twice the best choice (competitive spinning;
 * Karlin et al., "Empirical studies of competitive spinning", SOSP 1991). Any context.
 */
u32 pvbus_sleep_ns(const struct pvbus_device *pdev)
{
	return READ_ONCE(pdev->bus->sleep_ns);
}
EXPORT_SYMBOL_GPL(pvbus_sleep_ns);
