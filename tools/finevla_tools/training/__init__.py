"""Training of vision-language-action policies from LeRobot data sets: `finevla train CONFIG.yaml`."""
