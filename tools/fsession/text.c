// SPDX-License-Identifier: GPL-2.0
/*
 * Text that others chose, for a terminal: a task's name, the name of a function.
 * What would be a control sequence there is spelled out.
 */
#include <stdlib.h>
#include <string.h>

#include "fsession.h"

size_t utf8_len(const char *str, size_t avail)
{
	const unsigned char *s = (const unsigned char *)str;
	uint32_t c;
	size_t n, i;

	if (s[0] < 0x80)
		return 1;
	else if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;

	if (n > avail)
		return 0;
	c = s[0] & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

/* The characters up to U+001F and from U+007F to U+009F. */
bool is_control(const char *str, size_t len)
{
	const unsigned char *s = (const unsigned char *)str;

	if (len == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	return len == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

size_t text_safe(char *to, const char *s, size_t len)
{
	char *end = to;
	size_t i = 0, n;

	while (i < len) {
		n = utf8_len(s + i, len - i);
		if (n &&
		    (!is_control(s + i, n) || s[i] == '\t' || s[i] == '\n')) {
			memcpy(end, s + i, n);
			end += n;
			i += n;
			continue;
		}
		/* Of two bytes the second is none of UTF-8's by itself. */
		end += sprintf(end, "\\x%02x", (unsigned char)s[i++]);
	}
	return end - to;
}

void put_text(FILE *f, const char *s)
{
	char safe[4 * 256];
	size_t left = strlen(s), n;

	for (; left; s += n, left -= n) {
		n = left < 256 ? left : 256;
		/* Not within a character. */
		while (n > 252 && n < left &&
		       ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
		fwrite(safe, 1, text_safe(safe, s, n), f);
	}
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message(stdout, fmt, args);
	va_end(args);
}

void put_message(FILE *f, const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		return;
	put_text(f, text);
	free(text);
}
