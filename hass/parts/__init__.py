"""FPGA parts and boards, one TOML file each, with the source of every figure."""
