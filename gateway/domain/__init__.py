"""The call centre in plain Python: frozen values, ids, states, errors and the port `CallCenter`."""
