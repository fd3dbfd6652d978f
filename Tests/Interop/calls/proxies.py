"""kamailio before us: a TLS proxy with Record-Route, and a registrar that asks for digest."""
