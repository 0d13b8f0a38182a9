/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SHIM_LINUX_BPF_H
#define SHIM_LINUX_BPF_H

#include_next <linux/bpf.h>
#include <net/xdp.h>

/* The test's. */
u32 bpf_prog_run_xdp(struct bpf_prog *prog, struct xdp_buff *xdp);
int xdp_do_redirect(struct net_device *dev, struct xdp_buff *xdp, struct bpf_prog *prog);
void xdp_do_flush(void);

#define bpf_prog_put(prog)			((void)(prog))
#define bpf_warn_invalid_xdp_action(dev, prog, act)	((void)(act))
#define trace_xdp_exception(dev, prog, act)	((void)(act))

#endif
