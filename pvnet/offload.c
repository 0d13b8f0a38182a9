// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is left to be done on a frame, in the device's terms and in the stack's.
 */
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include "pvnet.h"

static const struct {
	u8		type;		/* the device's */
	u8		virtio;
	u8		feature;	/* of what the driver may give */
	u8		rx_feature;	/* and get */
	unsigned int	skb;		/* the stack's */
} gso_types[] = {
	{ PVNET_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV4, PVNET_F_TSO4, PVNET_F_RX_TSO4, SKB_GSO_TCPV4 },
	{ PVNET_GSO_TCPV6, VIRTIO_NET_HDR_GSO_TCPV6, PVNET_F_TSO6, PVNET_F_RX_TSO6, SKB_GSO_TCPV6 },
	{ PVNET_GSO_UDP, COMPAT_VNET_HDR_GSO_UDP_L4, PVNET_F_USO, PVNET_F_RX_USO, SKB_GSO_UDP_L4 },
};

/**
 * pvnet_features_check() - see net_device_ops.ndo_features_check
 * @skb: the frame
 * @dev: the interface
 * @features: what the stack would leave to be done
 *
 * The stack learns late what a new life does not offer, and never how long its frames may be; so a frame
 * is asked for each time.
 *
 * Return: what it may leave.
 */
netdev_features_t pvnet_features_check(struct sk_buff *skb, struct net_device *dev,
				       netdev_features_t features)
{
	const struct pvnet *net = netdev_priv(dev);

	features &= READ_ONCE(net->offer) | ~PVNET_OFFERS;
	/* The stack cuts it. */
	if (skb->len > le32_to_cpu(READ_ONCE(net->config.max_frame)))
		features &= ~NETIF_F_GSO_MASK;
	return vlan_features_check(skb, features);
}

static bool gso_from_skb(const struct pvnet *net, const struct sk_buff *skb,
			 struct pvnet_offload *offload)
{
	unsigned int type = skb_shinfo(skb)->gso_type;
	bool ecn = type & SKB_GSO_TCP_ECN;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gso_types); i++) {
		if (!(type & gso_types[i].skb))
			continue;
		if (!pvnet_has(net, gso_types[i].feature) || (ecn && !pvnet_has(net, PVNET_F_TSO_ECN)))
			return false;
		offload->gso_type = gso_types[i].type | (ecn ? PVNET_GSO_ECN : 0);
		offload->gso_size = cpu_to_le16(skb_shinfo(skb)->gso_size);
		offload->hdr_len = cpu_to_le16(skb_headlen(skb));
		return true;
	}
	return false;
}

/**
 * pvnet_offload_from_skb() - say what is left to be done
 * @net: the NIC
 * @skb: the frame
 * @offload: in these terms
 *
 * Return: false: this life of the device does not offer it.
 */
bool pvnet_offload_from_skb(const struct pvnet *net, const struct sk_buff *skb,
			    struct pvnet_offload *offload)
{
	memset(offload, 0, sizeof(*offload));
	if (skb_is_gso(skb) && !gso_from_skb(net, skb, offload))
		return false;
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return true;
	if (!pvnet_has(net, PVNET_F_CSUM))
		return false;
	offload->flags = PVNET_O_CSUM_PARTIAL;
	offload->csum_start = cpu_to_le16(skb_checksum_start_offset(skb));
	offload->csum_offset = cpu_to_le16(skb->csum_offset);
	return true;
}

/* The stack's own check of such headers does the rest; here is what it does not know. */
static bool to_virtio(const struct pvnet *net, const struct pvnet_offload *offload,
		      struct virtio_net_hdr *hdr)
{
	bool ecn = offload->gso_type & PVNET_GSO_ECN;
	u8 type = offload->gso_type & ~PVNET_GSO_ECN;
	unsigned int i;

	if (offload->flags & PVNET_O_CSUM_PARTIAL) {
		if (!pvnet_has(net, PVNET_F_RX_CSUM))
			return false;
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start = (__force __virtio16)offload->csum_start;
		hdr->csum_offset = (__force __virtio16)offload->csum_offset;
	}
	if (!offload->gso_type)
		return true;
	if (!hdr->flags || (ecn && (type == PVNET_GSO_UDP || !pvnet_has(net, PVNET_F_RX_TSO_ECN))))
		return false;
	for (i = 0; i < ARRAY_SIZE(gso_types); i++) {
		if (type != gso_types[i].type || !pvnet_has(net, gso_types[i].rx_feature))
			continue;
		hdr->gso_type = gso_types[i].virtio | (ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
		hdr->gso_size = (__force __virtio16)offload->gso_size;
		return true;
	}
	return false;
}

/**
 * pvnet_offload_to_skb() - take over what is left to be done, if it makes sense (NET-G3)
 * @net: the NIC
 * @skb: the frame
 * @offload: private copy of what the device says
 *
 * Return: false: it makes no sense.
 */
bool pvnet_offload_to_skb(const struct pvnet *net, struct sk_buff *skb,
			  const struct pvnet_offload *offload)
{
	struct virtio_net_hdr hdr = { };

	if (!to_virtio(net, offload, &hdr) || virtio_net_hdr_to_skb(skb, &hdr, true))
		return false;
	if (!hdr.flags && (offload->flags & PVNET_O_CSUM_VALID))
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	return true;
}
