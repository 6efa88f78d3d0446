// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patterns, comparison, PNG.
 */
#include <stdlib.h>
#include <string.h>
#include <png.h>

#include "demo.h"

#define RGB_MASK	0xffffffU

/*
 * 100% color bars from left to right, in the order every television engineer
 * knows.
 */
static const __u32 bars[] = {
	0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000,
};

static __u32 *row(const struct picture *p, unsigned int y)
{
	return (__u32 *)((char *)p->data + (size_t)y * p->pitch);
}

/*
 * A value that tells its place and @salt apart from every other, and any shift
 * or swap too.
 */
__u32 noise(unsigned int x, unsigned int y, __u32 salt)
{
	__u32 h = (x + 1) * 0x9e3779b1U ^ (y + 1) * 0x85ebca77U ^ (salt + 1) * 0xc2b2ae3dU;

	h ^= h >> 15;
	h *= 0x2c1b3c6dU;
	return h ^ h >> 12;
}

void picture_alloc(struct picture *p)
{
	p->width = WIDTH;
	p->height = HEIGHT;
	p->pitch = WIDTH * sizeof(*p->data);
	p->data = calloc(p->height, p->pitch);
	if (!p->data)
		die("no memory for a picture");
}

void picture_copy(struct picture *to, const struct picture *from)
{
	unsigned int y;

	for (y = 0; y < to->height; y++)
		memcpy(row(to, y), row(from, y), to->width * sizeof(*to->data));
}

void picture_draw_noise(const struct picture *p, __u32 salt)
{
	unsigned int x, y;

	for (y = 0; y < p->height; y++)
		for (x = 0; x < p->width; x++)
			row(p, y)[x] = noise(x, y, salt);
}

void picture_draw_bars(const struct picture *p)
{
	unsigned int x, y;

	for (y = 0; y < p->height; y++)
		for (x = 0; x < p->width; x++)
			row(p, y)[x] = bars[x * ARRAY_SIZE(bars) / p->width];
}

/*
 * Change the lowest bit of one color of one pixel, if --break asked for it
 * here.
 */
void picture_spoil(const struct picture *p, enum spoil when)
{
	if (spoil != when)
		return;
	row(p, p->height / 2)[p->width / 3] ^= 1;
	say("--break      one bit of pixel (%u,%u) inverted", p->width / 3, p->height / 2);
}

/*
 * Return in how many pixels the colors of two lines differ, in @first the
 * place of the first.
 */
static unsigned int line_differs(const __u32 *got, const __u32 *want, unsigned int width,
				 unsigned int *first)
{
	unsigned int x, wrong = 0;

	for (x = width; x-- > 0;) {
		if (!((got[x] ^ want[x]) & RGB_MASK))
			continue;
		*first = x;
		wrong++;
	}
	return wrong;
}

/* Fail unless every pixel's red, green and blue are equal. */
void picture_compare(const struct picture *got, const struct picture *want, const char *what)
{
	unsigned int x = 0, y, first_x = 0, first_y = 0, here, wrong = 0;

	for (y = 0; y < want->height; y++) {
		here = line_differs(row(got, y), row(want, y), want->width, &x);
		if (here && !wrong) {
			first_x = x;
			first_y = y;
		}
		wrong += here;
	}
	if (wrong)
		die("%s: %u of %u pixels are wrong, the first at (%u,%u): %06x instead of %06x",
		    what, wrong, want->width * want->height, first_x, first_y,
		    row(got, first_y)[first_x] & RGB_MASK,
		    row(want, first_y)[first_x] & RGB_MASK);
}

/* A sum that two different pictures do not share by accident. */
__u64 picture_sum(const struct picture *p)
{
	__u64 sum = 0xcbf29ce484222325ULL;
	unsigned int x, y;

	for (y = 0; y < p->height; y++)
		for (x = 0; x < p->width; x++)
			sum = (sum ^ (row(p, y)[x] & RGB_MASK)) * 0x100000001b3ULL;
	return sum;
}

/* Save as a PNG of 24 bits a pixel, read the file again and compare. */
void picture_save(const struct picture *p, const char *path)
{
	png_image image = { .version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB,
			    .width = p->width, .height = p->height };
	png_image again = { .version = PNG_IMAGE_VERSION };
	size_t size = PNG_IMAGE_SIZE(image), i;
	png_byte *rgb = malloc(size), *read = malloc(size);

	if (!rgb || !read)
		die("no memory for the PNG");
	for (i = 0; i < size / 3; i++) {
		__u32 pixel = row(p, i / p->width)[i % p->width];

		rgb[3 * i] = pixel >> 16;
		rgb[3 * i + 1] = pixel >> 8;
		rgb[3 * i + 2] = pixel;
	}
	if (!png_image_write_to_file(&image, path, 0, rgb, 0, NULL))
		die("writing %s: %s", path, image.message);
	if (!png_image_begin_read_from_file(&again, path))
		die("reading %s: %s", path, again.message);
	again.format = PNG_FORMAT_RGB;
	if (again.width != p->width || again.height != p->height ||
	    !png_image_finish_read(&again, NULL, read, 0, NULL) || memcmp(rgb, read, size))
		die("%s does not hold the picture that was saved there", path);
	free(rgb);
	free(read);
}
