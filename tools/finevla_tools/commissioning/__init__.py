"""`finevla doctor --robot`: a person and a real robot on their first day, step by step; nothing here moves an arm."""
