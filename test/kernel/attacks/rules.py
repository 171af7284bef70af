# SPDX-License-Identifier: LGPL-2.1-or-later
"""The policies under which most attacks run."""

DENY = "DEFAULT action=DENY\n"
BOOT = DENY + "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
FSVERITY = DENY + "op=EXECUTE boot_verified=TRUE action=ALLOW\nop=EXECUTE fsverity_signature=TRUE action=ALLOW\n"
DMVERITY = DENY + "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
