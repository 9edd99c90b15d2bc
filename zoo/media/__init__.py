"""Pictures and videos in, points out: what `zoo predict` reads and writes. Nothing needs torch."""
