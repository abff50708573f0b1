"""The offline tools and the command line `finevla`; nothing else in the workspace imports them."""
