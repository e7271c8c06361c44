"""Runs the suite in the role opposite to the one under test, on loopback only. `run` starts it, with Python 2.7.

Arguments: the role under test ("server" or "client") and the suite's own spec, a JSON file. The ids of the selected cases are
written to `chosen.json` next to the spec, and the report to the directory in the spec.
"""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
from autobahntestsuite import choosereactor  # must be imported before all of Twisted
from autobahntestsuite import fuzzing
from twisted.internet import reactor

role, spec_file = sys.argv[1:]
with open(spec_file) as f:
    spec = json.load(f)

cases = fuzzing.CaseSet(fuzzing.CaseSetname, fuzzing.CaseBasename, fuzzing.Cases, [], {})
chosen = cases.parseSpecCases(spec)
unknown = [case for case in chosen if case not in cases.CasesById]
for case in chosen:
    if spec["messages"] and case.startswith(("12.", "13.")):
        cases.CasesById[case].COUNT = spec["messages"]
if unknown or not chosen:
    sys.exit("no such case: %s" % ", ".join(unknown or spec["cases"]))
with open(os.path.join(os.path.dirname(spec_file), "chosen.json"), "w") as f:
    json.dump(chosen, f)

if role == "server":
    fuzzing.startClient(spec)
else:
    def listen(factory, context, listen=fuzzing.listenWS):
        factory.externalPort = None  # the Host of a client behind a relay has the relay's port
        listen(factory, context, interface="127.0.0.1")

    create = fuzzing.FuzzingServerFactory.createReports
    fuzzing.listenWS = listen
    fuzzing.FuzzingServerFactory.createReports = lambda factory: reactor.callLater(spec["pause"], create, factory)
    fuzzing.startServer(spec, webport=0)
reactor.run()
