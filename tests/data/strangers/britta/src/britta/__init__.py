from britta.hatchery import hatch, rehatch

__all__ = ["hatch", "rehatch"]
