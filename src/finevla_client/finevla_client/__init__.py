"""Python client of the running stack: `finevla_client.robot.Robot`."""
