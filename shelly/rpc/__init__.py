"""How gateways are found and spoken with: mDNS, and RPC over HTTP."""
