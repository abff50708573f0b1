"""Training of vision-language-action policies from data sets: `finevla train CONFIG.yaml`."""
