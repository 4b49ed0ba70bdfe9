"""Runs the agent by a clock and a kernel that a test tells: a line of JSON in is {"uptime", "held", "device", "link"}, and a
line out says that its step is over."""

import json
import sys

import ha_agent

world = {"uptime": 0}
ha_agent.uptime = lambda: world["uptime"]
ha_agent.holds_address = lambda address: world["held"]
ha_agent.device_index = lambda name: world["device"]
ha_agent.carries = lambda routes, interface, cidr: world["link"]

agent = None
for line in sys.stdin:
    world.update(json.loads(line))
    if agent is None:
        with open(sys.argv[1]) as file:
            agent = ha_agent.Agent(json.load(file))
        agent.serve()
    asking = agent.step()
    agent.messages.deliver()
    print(json.dumps({"asking": asking}), flush=True)
