/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver API of pvbus: devices, drivers, queues. A driver in 60 lines is
 * in Documentation/driver-api.md.
 */
#ifndef _PV_BUS_H
#define _PV_BUS_H

#include <linux/bits.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <linux/workqueue.h>
#include <pv/lock.h>
#include <pv/ring.h>
#include <pv/shm.h>
#include <uapi/pv/bus.h>

struct pvbus;
struct pvbus_device;
struct pvbus_queue;

/**
 * struct pvbus_queue_params - what a driver wants of each of its queues
 * @name: shown in /proc/interrupts
 * @size: entries, a power of two, at most pvbus_device.max_queue_size
 * @sqe_shift: log2 of the bytes of a submission entry
 * @cqe_shift: log2 of the bytes of a completion entry
 * @data_len: bytes of the data extent of each queue
 * @same_vector: it has the vector of the queue before it
 * @callback: called in hard interrupt context when the device has raised the
 *	queue's vector, from pvbus_device_start() on; the vector may be shared, so there
 *	may be nothing new. NULL: the driver polls
 */
struct pvbus_queue_params {
	const char	*name;
	u32		size;
	u8		sqe_shift;
	u8		cqe_shift;
	u64		data_len;
	bool		same_vector;
	void		(*callback)(struct pvbus_queue *queue);
};

/**
 * struct pvbus_queue - a queue of a device
 * @ring: its rings; the driver serialises submitters and reapers
 * @pdev: the device
 * @index: number of the queue in the device
 * @data: start of the data extent, in the guest's address space
 * @data_off: the same place as an offset in the window
 * @data_len: its length in bytes
 * @priv: the driver's
 * @ops: requests completed; written by the reaper
 * @kicks: doorbells rung; written by the submitter
 * @interrupts: interrupts received; written by the interrupt handler
 * @spins: waits for a completion that ended without an interrupt; reaper
 */
struct pvbus_queue {
	struct pvring		ring;
	struct pvbus_device	*pdev;
	unsigned int		index;
	void			*data;
	pvshm_off_t		data_off;
	u64			data_len;
	void			*priv;
	u64			ops;
	u64			kicks;
	u64			interrupts;
	u64			spins;

	/* private: of pvbus */
	pvshm_off_t		drv_off;
	pvshm_off_t		dev_off;
	void			(*callback)(struct pvbus_queue *queue);
	char			irq_name[48];
	u16			vector;
	int			irq;
	struct kobject		*kobj;
};

/**
 * struct pvbus_channel - where commands are given: the bus's, or a device's
 * @cmd: the command, in the window
 * @ack: its answer, in the window
 * @seq: number of the last command
 * @left: number that was there before
 * @op: of the last command
 * @epoch: of the last command, while its answer is outstanding; else 0
 * @end: jiffies until which it is waited for
 */
struct pvbus_channel {
	struct pvbus_cmd	*cmd;
	const struct pvbus_ack	*ack;
	u32			seq;
	u32			left;
	u32			op;
	u64			epoch;
	unsigned long		end;
};

/**
 * enum pvbus_state - what becomes of a device
 * @PVBUS_IDLE: no driver uses it, or one probes it: no callback comes
 * @PVBUS_UNPROBED: nor here; a probe has failed, and the next epoch or table is a reason for another
 * @PVBUS_RUNNING: its queues are in use
 * @PVBUS_FROZEN: they are not: what is in flight waits for another life of the device, or for the end
 *	of a sleep
 * @PVBUS_FAILED: nobody waits any longer: what is in flight and what comes fails
 *
 * ::
 *
 *	              probe failed
 *	UNPROBED <------------------- IDLE <------------------ pvbus_device_stop(), from any
 *	    |                         ^  |
 *	    +-------------------------+  | pvbus_device_ready()
 *	      scan, to probe again       v
 *	      restore() ------------> RUNNING
 *	          |                      | the epoch ends, a sleep, a restart, a failure: freeze()
 *	          |                      v
 *	          +------------------- FROZEN <----+
 *	                                 |         | a later life, before restore(): freeze()
 *	                       gone()    v         |
 *	                               FAILED -----+
 *
 * From RUNNING on callbacks of the driver may be called. Changed by pvbus/state.c alone, under
 * pvbus_device.call_lock.
 */
enum pvbus_state {
	PVBUS_IDLE,
	PVBUS_UNPROBED,
	PVBUS_RUNNING,
	PVBUS_FROZEN,
	PVBUS_FAILED,
};

/**
 * struct pvbus_device - a device in the window
 * @dev: the device in the driver model; its parent is the carrier's
 * @bus: the bus
 * @slot: slot of the device table
 * @type: PVBUS_T_*
 * @generation: pvbus_device_entry.generation of this device
 * @uuid: identity over restarts of the device side
 * @name: the operator's name of the device
 * @max_queues: most queues the device serves
 * @max_queue_size: most entries of a queue
 * @features: features taken; valid from probe on, may change before each restore
 * @queues: the queues, after pvbus_alloc_queues()
 * @nr_queues: their number
 */
struct pvbus_device {
	struct device		dev;
	struct pvbus		*bus;
	u32			slot;
	u32			type;
	u32			generation;
	uuid_t			uuid;
	char			name[32];
	u32			max_queues;
	u32			max_queue_size;
	u64			features[2];
	struct pvbus_queue	**queues;
	unsigned int		nr_queues;

	/* private: of pvbus */
	struct work_struct	work;
	struct work_struct	removal;
	bool			removing;	/* that has begun; of the scan */
	struct mutex		call_lock;	/* state, and one callback at a time; outside of lock; see lock.h */
	struct mutex		lock;		/* commands, and what they change */
	struct pvbus_channel	channel;
	u64			epoch;		/* in which the device was negotiated with */
	bool			agreed;		/* it was given FEATURES, and no RESET since */
	bool			shared;		/* the device side may use the queues */
	unsigned int		mends;		/* started anew in this epoch */
	unsigned long		held_at;	/* jiffies when it was frozen */
	unsigned long		leaving_at;	/* jiffies when its removal began */
	u64			offered[2];
	u32			config_seq;
	pvshm_off_t		config_off;
	u32			config_len;
	pvshm_off_t		desc_off;
	enum pvbus_state	state;
	unsigned long		marks;		/* PVBUS_MARK_* */
	struct kobject		*queues_kobj;
	struct dentry		*debugfs;
};

#define to_pvbus_device(d) container_of_const(d, struct pvbus_device, dev)

/**
 * struct pvbus_driver - a driver for one type of device
 * @driver: name and owner
 * @type: PVBUS_T_* that it drives
 * @features: bits that it knows
 * @nr_features: length of @features
 * @probe: features are agreed, nothing runs yet; allocates the queues and calls
 *	pvbus_device_start(), and pvbus_device_ready() before it waits for I/O. 0 or -errno; of -ENOSPC, no room in
 *	the window, the bus tells
 * @remove: the device goes; the driver ends with pvbus_device_stop()
 * @freeze: the epoch has ended or the guest suspends: return when nothing
 *	touches the queues any more. Requests in flight stay in flight
 * @restore: features are agreed anew: look at features and config, call
 *	pvbus_device_start(), submit what is in flight again. -ESTALE and -ETIMEDOUT: not
 *	now, the device stays frozen and restore comes again; another error marks the device
 *	broken and is its message
 * @gone: the device is broken or has vanished: fail what is in flight and what
 *	is to come, until a later restore. Called with the device frozen
 * @config_changed: the config area has changed; may be NULL. Returns 0 or -errno, as pvbus_read_config() does; it
 *	makes no sense: -EPROTO or -EINVAL, and the device is broken
 * @watchdog: about twice a second while the device runs: reap, in case an interrupt was
 *	lost; may be NULL
 * @expire: about twice a second, unless the driver has been told that the device is gone:
 *	call pvbus_device_broken() if somebody has waited for longer than he wants; may be
 *	NULL: all wait for as long as it takes
 * @suspend: the guest goes to sleep: finish what is in flight, within a time, and let
 *	nothing new come. -errno: it stays awake. May be NULL
 * @resume: it is awake again, or stays so; may be NULL
 *
 * freeze, restore, gone, config_changed, watchdog and expire are called from a work of the
 * device's, one at a time, between pvbus_device_ready() and pvbus_device_stop(). I/O may
 * depend on their end: they wait for no I/O, nor for a lock that is held over any, or over an
 * allocation, nor for what has yet to get a certain CPU; and what they allocate is taken as if by
 * GFP_NOIO.
 */
struct pvbus_driver {
	struct device_driver	driver;
	u32			type;
	const u8		*features;
	unsigned int		nr_features;
	int	(*probe)(struct pvbus_device *pdev);
	void	(*remove)(struct pvbus_device *pdev);
	void	(*freeze)(struct pvbus_device *pdev);
	int	(*restore)(struct pvbus_device *pdev);
	void	(*gone)(struct pvbus_device *pdev);
	int	(*config_changed)(struct pvbus_device *pdev);
	void	(*watchdog)(struct pvbus_device *pdev);
	void	(*expire)(struct pvbus_device *pdev);
	int	(*suspend)(struct pvbus_device *pdev);
	void	(*resume)(struct pvbus_device *pdev);

	/* private: of pvbus */
	bool		leaving;	/* being unregistered, */
	unsigned long	leaving_at;	/* since then, in jiffies */
};

#define to_pvbus_driver(d) container_of_const(d, struct pvbus_driver, driver)

/* Lets modprobe find a driver by the type of the device. */
#define MODULE_ALIAS_PVBUS(type) __MODULE_ALIAS_PVBUS(type)
#define __MODULE_ALIAS_PVBUS(type) MODULE_ALIAS("pvbus:t" #type)

int __pvbus_register_driver(struct pvbus_driver *drv, struct module *owner);
void pvbus_unregister_driver(struct pvbus_driver *drv);
#define pvbus_register_driver(drv) __pvbus_register_driver(drv, THIS_MODULE)
#define module_pvbus_driver(drv) \
	module_driver(drv, pvbus_register_driver, pvbus_unregister_driver)

static inline void pvbus_set_drvdata(struct pvbus_device *pdev, void *data)
{
	dev_set_drvdata(&pdev->dev, data);
}

static inline void *pvbus_get_drvdata(const struct pvbus_device *pdev)
{
	return dev_get_drvdata(&pdev->dev);
}

/**
 * pvbus_has_feature() - was this feature agreed
 * @pdev: the device
 * @bit: number of the feature, below 128
 */
static inline bool pvbus_has_feature(const struct pvbus_device *pdev, unsigned int bit)
{
	return READ_ONCE(pdev->features[bit / 64]) & BIT_ULL(bit % 64);
}

void pvbus_clean_text(u8 *text, size_t size);
const void *pvbus_config_area(struct pvbus_device *pdev, size_t len);
int pvbus_read_config(struct pvbus_device *pdev, void *config, size_t len);
u32 pvbus_sleep_ns(const struct pvbus_device *pdev);
u64 pvbus_space_share(struct pvbus_device *pdev);
struct device *pvbus_replaced(const struct pvbus_device *pdev);

/**
 * pvbus_sleep_us() - pvbus_sleep_ns() in the unit of interrupt delays
 * @pdev: the device
 *
 * Return: microseconds, not 0.
 */
static inline u32 pvbus_sleep_us(const struct pvbus_device *pdev)
{
	return max(pvbus_sleep_ns(pdev) / 1000, 1U);
}

int pvbus_alloc_queues(struct pvbus_device *pdev, unsigned int nr,
		       const struct pvbus_queue_params *params);
int pvbus_alloc_queues_each(struct pvbus_device *pdev, unsigned int nr,
			    const struct pvbus_queue_params *params);
void pvbus_free_queues(struct pvbus_device *pdev);
int pvbus_device_start(struct pvbus_device *pdev);
void pvbus_device_ready(struct pvbus_device *pdev);
int pvbus_device_stop(struct pvbus_device *pdev);
void pvbus_device_broken(struct pvbus_device *pdev, const char *why);
bool pvbus_device_leaves(const struct pvbus_device *pdev);
void pvbus_device_restart(struct pvbus_device *pdev);
bool pvbus_epoch_over(struct pvbus_device *pdev);

void pvbus_kick(struct pvbus_queue *queue);
void pvbus_queue_set_affinity(struct pvbus_queue *queue, const struct cpumask *mask);

#endif /* _PV_BUS_H */
