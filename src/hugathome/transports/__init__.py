"""The pipes between one device and this process, each with a server's and a client's end.

    memory                 both, in one process
    asgi, websockets       a WebSocket
    http, httpx            POSTs, with a stream of events or long polls, where no WebSocket is to be had

Each fulfils `hugathome.signalling.Transport` and passes `hugathome.testing.check_transport`. None knows
what the frames mean.
"""
