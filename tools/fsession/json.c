// SPDX-License-Identifier: GPL-2.0
/*
 * A JSON writer: values are printed as they come, on one line.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "fsession.h"

/*
 * What is not UTF-8 comes out as the Latin-1 character of each byte. Characters
 * that a terminal obeys are spelled out.
 */
static void put_quoted(FILE *f, const char *s, size_t len)
{
	size_t i, n;

	putc('"', f);
	for (i = 0; i < len; i += n) {
		unsigned char last;

		n = utf8_len(s + i, len - i);
		last = s[i + (n ? n - 1 : 0)];
		if (s[i] == '"' || s[i] == '\\')
			fprintf(f, "\\%c", s[i]);
		else if (s[i] == '\n')
			fputs("\\n", f);
		else if (s[i] == '\t')
			fputs("\\t", f);
		else if (n && !is_control(s + i, n))
			fwrite(s + i, 1, n, f);
		else
			fprintf(f, "\\u%04x", last);
		if (!n)
			n = 1;
	}
	putc('"', f);
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		fputs(", ", j->f);
	j->comma = true;
	if (key) {
		put_quoted(j->f, key, strlen(key));
		fputs(": ", j->f);
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	putc(bracket, j->f);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	putc(bracket, j->f);
	j->comma = true;
}

void json_string(struct json *j, const char *key, const char *s, size_t len)
{
	begin(j, key);
	put_quoted(j->f, s, len);
}

void json_str(struct json *j, const char *key, const char *s)
{
	json_string(j, key, s, strlen(s));
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
	begin(j, key);
	fprintf(j->f, "%" PRIu64, v);
}

void json_s64(struct json *j, const char *key, int64_t v)
{
	begin(j, key);
	fprintf(j->f, "%" PRId64, v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	begin(j, key);
	fputs(v ? "true" : "false", j->f);
}

/* JSON has neither infinities nor NaN. */
void json_double(struct json *j, const char *key, double v)
{
	begin(j, key);
	if (isfinite(v))
		fprintf(j->f, "%.17g", v);
	else
		fputs("null", j->f);
}
