// SPDX-License-Identifier: GPL-2.0-only
/*
 * Histograms of times, as JSON and as what is asked of them.
 */
#include "lib/histogram.h"

#include "lib/json.h"

void hostd_histogram_describe(const struct hostd_histogram *h, struct json_object *obj, const char *name)
{
	struct json_object *val, *list;
	unsigned int i, nr = HOSTD_HISTOGRAM_LEN;

	while (nr && !h->count[nr - 1])
		nr--;
	if (!nr)
		return;
	val = json_object_new_object();
	list = json_object_new_array();
	for (i = 0; i < nr; i++)
		json_object_array_add(list, json_object_new_uint64(h->count[i]));
	hostd_json_add_u64(val, "sum_ns", h->sum_ns);
	json_object_object_add(val, "log2", list);
	json_object_object_add(obj, name, val);
}

uint64_t hostd_histogram_parse(struct json_object *obj, struct hostd_histogram *h)
{
	struct json_object *list = hostd_json_get(obj, "log2");
	uint64_t one, nr = 0;
	size_t i, len;

	if (!json_object_is_type(list, json_type_array))
		return 0;
	len = json_object_array_length(list);
	for (i = 0; i < len && i < HOSTD_HISTOGRAM_LEN; i++) {
		one = json_object_get_uint64(json_object_array_get_idx(list, i));
		h->count[i] += one;
		nr += one;
	}
	h->sum_ns += hostd_json_u64(obj, "sum_ns", 0);
	return nr;
}

uint64_t hostd_histogram_quantile(const struct hostd_histogram *h, double percent)
{
	uint64_t all = 0, nr = 0;
	unsigned int i;

	for (i = 0; i < HOSTD_HISTOGRAM_LEN; i++)
		all += h->count[i];
	for (i = 0; i < HOSTD_HISTOGRAM_LEN; i++) {
		nr += h->count[i];
		if (all && nr * 100.0 >= all * percent)
			return 1ULL << (HOSTD_HISTOGRAM_SHIFT + i);
	}
	return 0;
}
