#pragma once

#include <malloc.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <turbojpeg.h>
#include <zip.h>
#include <zlib.h>

// In glibc, but declared only under _GNU_SOURCE, which Swift's view of it lacks.
int syncfs(int descriptor);
