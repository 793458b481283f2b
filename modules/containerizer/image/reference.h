/* SPDX-License-Identifier: Apache-2.0 */
/* Names of Docker images: [registry[:port]/]repository[:tag][@digest], as `docker pull` takes them. */
#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include "base/err.h"
#include "base/str.h"

struct reference {
    char *registry; /* as given, or NULL */
    char *repository; /* as given: without "library/" */
    char *tag; /* "latest" when neither tag nor digest is given; NULL when there is a digest alone */
    char *digest; /* or NULL */
};

/* Refuses whatever could be more than a name: what passes has no "..", no empty part and no byte beyond [A-Za-z0-9._:@/-]. */
int reference_parse(struct str name, struct reference *ret, struct err *err);
void reference_fini(struct reference *reference);
/* The whole name, canonical; the caller's. Equal for names that mean the same image at the same place. */
char *reference_text(const struct reference *reference);

#endif
