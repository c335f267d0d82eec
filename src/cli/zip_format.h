/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What reader and writer of ZIP archives share (APPNOTE.TXT 4.3). */
#define ZIP_LOCAL 0x04034b50u
#define ZIP_CENTRAL 0x02014b50u
#define ZIP_END 0x06054b50u

#define ZIP_LOCAL_LEN 30
#define ZIP_CENTRAL_LEN 46
#define ZIP_END_LEN 22

#define ZIP_STORED 0
#define ZIP_DEFLATED 8
