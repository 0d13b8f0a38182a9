// SPDX-License-Identifier: GPL-2.0-only
/* Linux 6.6, a9ca9f9ceff3 "page_pool: split types and declarations from page_pool.h" */
#include <net/page_pool/helpers.h>
