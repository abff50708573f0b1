"""The wire to policy servers: arrays in MessagePack, the openpi and starVLA dialects, a websocket that comes back by itself."""
