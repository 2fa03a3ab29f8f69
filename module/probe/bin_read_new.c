// SPDX-License-Identifier: GPL-2.0
/*
 * Has struct bin_attribute two spellings of read()? From 6.13 to 6.17 it has; in
 * 6.12 and 7.x there is only read().
 */
#include <linux/sysfs.h>

ssize_t probe(struct bin_attribute *attr);
ssize_t probe(struct bin_attribute *attr)
{
	return attr->read_new(NULL, NULL, attr, NULL, 0, 0);
}
