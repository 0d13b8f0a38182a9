// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands to the device side and their answers (Documentation/abi/bus.md, Commands).
 */
#include <linux/jiffies.h>
#include <linux/sched/clock.h>
#include <asm/barrier.h>
#include "pvbus.h"
#include "trace.h"

/* A drain on the host waits for its disk, so the answer may take its time (BUS-G6: at least 5 s). */
#define ANSWER_TIMEOUT	(30 * HZ)
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
	/* Pairs with the release in host-ref/command.c: the result is there. */
	return le32_to_cpu(virt_load_acquire(&ack->seq)) == seq;
}

/*
 * Every command is a doorbell, two wake-ups and an interrupt. A single one may find
 * the device side awake, or wait for a drain: an average, of believable values.
 */
static void note_sleep(struct pvbus *bus, u64 ns)
{
	u32 cost = clamp_t(u64, ns, SLEEP_NS_MIN, SLEEP_NS_MAX);

	WRITE_ONCE(bus->sleep_ns, bus->sleep_ns ? (3 * bus->sleep_ns + cost) / 4 : cost);
}

/**
 * pvbus_command() - give a command and wait for its answer
 * @bus: the bus
 * @cmd: the command in the driver header or slot; its arguments are written
 * @ack: where the device side answers
 * @last_seq: number of the last command given there; updated
 * @op: PVBUS_CMD_*
 * @epoch: the epoch it is meant for
 *
 * Context: process; one command per slot at a time.
 * Return: 0; -ESTALE: the epoch has changed; -ETIMEDOUT; or by the result
 * -EPROTONOSUPPORT, -EPERM, -EOPNOTSUPP, -ENODEV, -EPROTO.
 */
int pvbus_command(struct pvbus *bus, struct pvbus_cmd *cmd, const struct pvbus_ack *ack,
		  u32 *last_seq, u32 op, u64 epoch)
{
	unsigned long end = jiffies + ANSWER_TIMEOUT;
	u32 seq = *last_seq + 1, seen = le32_to_cpu(READ_ONCE(ack->seq));
	u64 start;
	int err;

	while (!seq || seq == seen)
		seq++;
	*last_seq = seq;

	WRITE_ONCE(cmd->epoch, cpu_to_le64(epoch));
	WRITE_ONCE(cmd->op, cpu_to_le32(op));
	/* Pairs with the acquire in host-ref/command.c: the arguments are there. */
	virt_store_release(&cmd->seq, cpu_to_le32(seq));
	/* The doorbell, an I/O access, comes after the command in every observer's eyes. */
	virt_mb();
	start = local_clock();
	bus->transport->ops->kick(bus->transport, le32_to_cpu(bus->hdr.peer), PVBUS_VECTOR_BUS);

	do {
		wait_event_timeout(bus->wait, answered(ack, seq), ANSWER_POLL);
		if (pvbus_window_epoch(bus) != epoch) {
			err = -ESTALE;
			goto out;
		}
		if (answered(ack, seq)) {
			note_sleep(bus, local_clock() - start);
			err = result_errno(le32_to_cpu(READ_ONCE(ack->result)));
			goto out;
		}
	} while (time_before(jiffies, end));
	err = -ETIMEDOUT;
out:
	trace_pvbus_command(bus->id, op, seq, err);
	return err;
}
