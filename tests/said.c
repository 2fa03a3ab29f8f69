// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "libfsession.h"
#include "said.h"

char said[16384];

static int keep(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	size_t len = strlen(said);

	if (level != LIBBPF_WARN)
		return 0;
	return vsnprintf(said + len, sizeof(said) - len, fmt, ap);
}

void forget_said(void)
{
	libfsession_set_print(keep);
	said[0] = '\0';
}

void print_said(void)
{
	char *line, *rest = said;

	while ((line = strsep(&rest, "\n")))
		ktest_diag("said: %s", line);
	said[0] = '\0';
}
