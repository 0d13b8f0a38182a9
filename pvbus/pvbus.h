/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of pvbus share, and the interface of a carrier to the bus.
 */
#ifndef _PVBUS_H
#define _PVBUS_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <asm/barrier.h>
#include <pv/bus.h>
#include "compat.h"

#define PVBUS_IDENT	"pvkit " PVKIT_VERSION " (Linux)"

/* A driver looks at memory at least this often, interrupt or not (BUS-G3, RING-G7). */
#define PVBUS_WATCHDOG_MS	500

/* BUS-G6: so long an answer is waited for. Who gives up comes back to the same command. */
#define PVBUS_ANSWER_TIMEOUT	(5 * HZ)

struct pvbus_transport;

/**
 * struct pvbus_transport_ops - what a carrier does for the bus
 * @kick: ring doorbell @vector of the device side @peer; any context
 * @irq: Linux interrupt number of @vector, below pvbus_transport.nr_irqs
 */
struct pvbus_transport_ops {
	void	(*kick)(struct pvbus_transport *transport, u32 peer, u16 vector);
	int	(*irq)(struct pvbus_transport *transport, u16 vector);
};

/**
 * enum pvbus_cache - how the window is mapped
 * @PVBUS_CACHE_UNKNOWN: the kernel does not say
 * @PVBUS_CACHE_WRITE_BACK: as memory
 * @PVBUS_CACHE_UNCACHED: as a device; each access may cost what one over a bus does
 */
enum pvbus_cache {
	PVBUS_CACHE_UNKNOWN,
	PVBUS_CACHE_WRITE_BACK,
	PVBUS_CACHE_UNCACHED,
};

/**
 * struct pvbus_transport - a carrier
 * @ops: its functions
 * @dev: its device, parent of the devices of the bus
 * @window: the mapped window
 * @window_len: its length in bytes
 * @window_cache: how it is mapped
 * @nr_irqs: interrupt vectors that the guest has
 */
struct pvbus_transport {
	const struct pvbus_transport_ops	*ops;
	struct device				*dev;
	void					*window;
	u64					window_len;
	enum pvbus_cache			window_cache;
	unsigned int				nr_irqs;
};

struct pvbus_hold;

/**
 * struct pvbus_replaces - what the device in a slot does to an emulated one
 * @hold: the function that is held for it; NULL: none
 * @left: the function is left to its own driver, and the device is not shown
 * @driven: a driver has come for the device
 * @since: jiffies since when the function is held
 */
struct pvbus_replaces {
	struct pvbus_hold	*hold;
	bool			left;
	bool			driven;
	unsigned long		since;
};

/**
 * struct pvbus - a window and its devices
 * @transport: the carrier
 * @id: number of the bus in device names
 * @shm: the window
 * @wait: woken by the interrupt of vector 0
 * @lock: guards @devices, and is held while all of them are called: for no longer than the end
 *	of a callback takes, and never for an answer; by others than @work: briefly (pv/lock.h)
 * @work: looks at the epoch and sends each device's work; by interrupt and as watchdog.
 *	I/O depends on it, so it waits for no I/O, and for no device longer than for a
 *	callback that is about to end. What follows is its own, but where somebody else is named;
 *	of who has stopped it, while the bus is frozen
 * @scan: adds devices, and has each removed by a work of its own; takes @lock for short only,
 *	because a probe does I/O that may need @work to go on
 * @scan_lock: one scan at a time
 * @hdr: checked private copy of the header of @epoch
 * @epoch: the epoch in which HELLO succeeded; 0: none
 * @channel: of the commands in the driver header
 * @table_seq: pvbus_header.table_seq of the last scan
 * @sleep_ns: what it costs to sleep for an answer of the device side, measured
 * @frozen: suspended, or about to be: the works do nothing, and no answer is waited for
 *	but that to BYE
 * @dying: the carrier goes; no device is added
 * @dying_at: jiffies since when
 * @retry: a probe had no answer, or a device no memory: scan again, once there is a sign of life
 * @nr_vectors: vectors in use, the smaller of the guest's and the device side's
 * @next_vector: vector of the next queue
 * @last_epoch: the window's epoch when it was last looked at
 * @last_heartbeat: the same for the heartbeat
 * @alive_at: jiffies when either changed, or a command was answered
 * @looked_at: jiffies when the devices' works were last sent
 * @stalled: it has been said that the device side stands still
 * @unanswered: HELLOs in a row that nobody answered
 * @said: why there is no epoch, as said in the log; NULL: nothing
 * @replaces: by slot; of the scan, but for driven. hold and since change under @lock
 * @devices: by slot
 * @reserved: extents of queues that are gone, to which a silent device side may still write; under @lock
 */
struct pvbus {
	struct pvbus_transport	*transport;
	int			id;
	struct pvshm		shm;
	wait_queue_head_t	wait;
	struct mutex		lock;
	struct delayed_work	work;
	struct work_struct	scan;
	struct mutex		scan_lock;
	struct pvbus_header	hdr;
	u64			epoch;
	struct pvbus_channel	channel;
	u32			table_seq;
	u32			sleep_ns;
	bool			frozen;
	bool			dying;
	unsigned long		dying_at;
	bool			retry;
	unsigned int		nr_vectors;
	unsigned int		next_vector;
	u64			last_epoch;
	u64			last_heartbeat;
	unsigned long		alive_at;
	unsigned long		looked_at;
	bool			stalled;
	unsigned int		unanswered;
	const char		*said;
	struct pvbus_replaces	replaces[PVBUS_MAX_DEVICES];
	struct pvbus_device	*devices[PVBUS_MAX_DEVICES];
	struct list_head	reserved;
};

/*
 * What anybody may note of a device at any time: bits of pvbus_device.marks. Its work draws the
 * conclusions.
 */
#define PVBUS_MARK_BROKEN	0	/* it fails its users, until a later life of it fits */
#define PVBUS_MARK_RESTART	1	/* its driver wants it started anew */
#define PVBUS_MARK_VANISHED	2	/* it is no longer in the device table */
#define PVBUS_MARK_LEAVING	3	/* its driver's remove runs, since leaving_at */
#define PVBUS_MARK_REMOVED	4	/* its driver has left, and its slot is to be freed by the scan */
#define PVBUS_MARK_CRAMPED	5	/* that the window has no room for it has been said */

/* May callbacks of its driver be called? A hint for who has not locked call_lock. */
static inline bool pvbus_is_live(const struct pvbus_device *pdev)
{
	return READ_ONCE(pdev->state) >= PVBUS_RUNNING;
}

/* The epoch in which devices may be given commands; 0: none. */
static inline u64 pvbus_current_epoch(const struct pvbus *bus)
{
	/* Pairs with the release in begin_epoch(): the device's generation is that of the epoch. */
	return smp_load_acquire(&bus->epoch);
}

/* bus.c */
struct pvbus *pvbus_register(struct pvbus_transport *transport);
void pvbus_unregister(struct pvbus *bus);
int pvbus_freeze(struct pvbus *bus);
void pvbus_thaw(struct pvbus *bus);

/* work.c */
int pvbus_works_init(void);
void pvbus_works_exit(void);
void pvbus_poke(struct pvbus *bus);
void pvbus_poke_after(struct pvbus *bus, unsigned int ms);
void pvbus_device_poke(struct pvbus_device *pdev);
void pvbus_scan_start(struct pvbus *bus);
void pvbus_removal_start(struct pvbus_device *pdev);

/* life.c */
bool pvbus_silent(const struct pvbus *bus);
void pvbus_look_for_life(struct pvbus *bus);

/* header.c */
u64 pvbus_window_epoch(const struct pvbus *bus);

/**
 * pvbus_is_void() - is what was copied from the window before of an epoch that is over (BUS-G4)
 * @pdev: the device
 *
 * Any context.
 */
static inline bool pvbus_is_void(const struct pvbus_device *pdev)
{
	/* The copy before the look; pairs with the fence after the writer's epoch 0. */
	virt_rmb();
	return pvbus_window_epoch(pdev->bus) != READ_ONCE(pdev->epoch);
}

bool pvbus_say(struct pvbus *bus, const char *what);
int pvbus_read_header(struct pvbus *bus, struct pvbus_header *hdr);
void pvbus_write_ident(struct pvbus *bus);

/* command.c */
int pvbus_command_begin(struct pvbus *bus, struct pvbus_channel *channel, u64 epoch,
			unsigned long timeout);
int pvbus_command(struct pvbus *bus, struct pvbus_channel *channel, u32 op, u64 epoch);

/* scan.c */
void pvbus_scan_work(struct work_struct *work);
void pvbus_scan_mark(struct pvbus *bus, bool new_epoch);
void pvbus_remove_devices(struct pvbus *bus);

/* off.c */
void pvbus_off_init(void);
bool pvbus_is_off(void);

/* replace.c */
int pvbus_replaces_init(void);
void pvbus_replaces_exit(void);
void pvbus_replaces_begin(struct pvbus *bus);
bool pvbus_replaces_hold(struct pvbus *bus, u32 slot, const struct pvbus_device_entry *entry);
void pvbus_replaces_free(struct pvbus *bus, u32 slot);
void pvbus_replaces_keep(struct pvbus *bus, u32 slot);
bool pvbus_replaces_overdue(struct pvbus *bus);
void pvbus_replaces_refused(struct pvbus *bus);
bool pvbus_replaces_give_up(struct pvbus *bus, u32 slot);

/* table.c */
struct pvbus_device_entry *pvbus_entry(const struct pvbus *bus, u32 slot);
void pvbus_read_entry(const struct pvbus *bus, u32 slot, struct pvbus_device_entry *entry);
bool pvbus_slot_taken(const struct pvbus *bus, u32 slot);
bool pvbus_not_ready(const struct pvbus_device *pdev);

/* device.c */
int pvbus_device_negotiate(struct pvbus_device *pdev);
int pvbus_device_renegotiate(struct pvbus_device *pdev, u64 epoch);
void pvbus_device_abandon(struct pvbus_device *pdev, u64 epoch);
int pvbus_device_reset(struct pvbus_device *pdev);

/* state.c */
void pvbus_device_unprobed(struct pvbus_device *pdev);
bool pvbus_device_probe_again(struct pvbus_device *pdev);
void pvbus_device_freeze(struct pvbus_device *pdev);
void pvbus_device_work(struct work_struct *work);

/* driver.c */
extern COMPAT_BUS_CONST struct bus_type pvbus_type;

/* waiters.c */
int pvbus_waiters_init(void);
void pvbus_waiters_exit(void);
unsigned int pvbus_somebody_waits(const struct pvbus_device *pdev, unsigned long *since);
bool pvbus_holds_up_reboot(const struct pvbus_device *pdev);

/* queue.c */
void pvbus_free_reserved(struct pvbus *bus);
int pvbus_write_queues(struct pvbus_device *pdev);
int pvbus_listen_queues(struct pvbus_device *pdev);
void pvbus_silence_queues(struct pvbus_device *pdev);

/* copy.c */
void pvbus_choose_copy(void);

/* sysfs.c, debugfs.c */
extern const struct attribute_group *pvbus_dev_groups[];
const char *pvbus_state_name(const struct pvbus_device *pdev);
int pvbus_queues_sysfs_add(struct pvbus_device *pdev);
void pvbus_queues_sysfs_del(struct pvbus_device *pdev);
void pvbus_debugfs_init(void);
void pvbus_debugfs_exit(void);
void pvbus_debugfs_add(struct pvbus_device *pdev);
void pvbus_debugfs_del(struct pvbus_device *pdev);

/* mapping.c */
int pvbus_map_window(struct pvbus_transport *transport, u64 start, u64 len);

/* ivshmem.c */
extern struct pci_driver pvbus_ivshmem_driver;

#endif /* _PVBUS_H */
