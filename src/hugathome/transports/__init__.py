"""The pipes between one device and this process: `memory`, `asgi` (server) and `websockets` (client).

Each fulfils `hugathome.signalling.Transport` and passes `hugathome.testing.check_transport`. None knows
what the frames mean.
"""
