"""MuJoCo Cobot Magic that answers on the robot's own topics; scenes, tasks, demonstrator."""
