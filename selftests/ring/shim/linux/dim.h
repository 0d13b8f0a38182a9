/* SPDX-License-Identifier: GPL-2.0-only */
struct dim {
	int state;
};
