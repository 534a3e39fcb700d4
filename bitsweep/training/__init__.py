"""One run: how it trains, in which number format, what it writes, and when it need not be trained again."""
