/* SPDX-License-Identifier: GPL-2.0-only */
/* Undo what gcc's configuration of a header tree says and clang cannot do; see clang-kcc. */
#undef CONFIG_CC_HAS_NAMED_AS
#undef CONFIG_USE_X86_SEG_SUPPORT
