/* SPDX-License-Identifier: GPL-2.0-only */
#define NL_SET_ERR_MSG_MOD(extack, text)	((void)(extack))
