// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP programs for xdp-programs-see-every-frame.sh: what each does with UDP to port 9 over IPv4; all
 * else passes. Built by clang for the BPF of any kernel.
 */
#include <linux/bpf.h>

#define SEC(name)	__attribute__((section(name), used))
#define PORT		9

static long (*const bpf_redirect)(__u32 ifindex, __u64 flags) = (void *)BPF_FUNC_redirect;

char _license[] SEC("license") = "GPL";

static inline int is_ours(const struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + 42 <= end && data[12] == 8 && data[13] == 0 && data[14] == 0x45 && data[23] == 17 &&
	       data[36] == 0 && data[37] == PORT;
}

/* Back to whom it came from. */
static inline void turn(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, byte;
	int i;

	if (data + 12 > end)
		return;
	for (i = 0; i < 6; i++) {
		byte = data[i];
		data[i] = data[i + 6];
		data[i + 6] = byte;
	}
}

SEC("xdp") int pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

SEC("xdp") int drop(struct xdp_md *ctx)
{
	return is_ours(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int tx(struct xdp_md *ctx)
{
	if (!is_ours(ctx))
		return XDP_PASS;
	turn(ctx);
	return XDP_TX;
}

SEC("xdp") int redirect(struct xdp_md *ctx)
{
	if (!is_ours(ctx))
		return XDP_PASS;
	turn(ctx);
	return bpf_redirect(ctx->ingress_ifindex, 0);
}
