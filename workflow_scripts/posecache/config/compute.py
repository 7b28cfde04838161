"""What one job may use, and what is known of how fast models are."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from posecache.settings import Name, Settings
from posecache.training.room import Wanted

Gres = Annotated[str, Field(pattern=r"^[A-Za-z_]+(:[A-Za-z0-9_.]+)?$")]


class Speeds(Settings):
    """What a user knows of how fast models are; estimates go by it, and nothing else."""

    cache: dict[Name, PositiveFloat] = Field(
        {}, description="crops/s that a model is run over, with a flip test two a look"
    )
    train: dict[Name, PositiveFloat] = Field({}, description="samples/s of training")


class Compute(Settings):
    """What a job may use."""

    device: Literal["cpu", "cuda"] = Field("cpu", description="cuda: an error if there is none")
    gres: Gres | None = Field(None, description="asks Slurm for GPUs by --gres, as gpu:a100")
    compile: bool = Field(False, description="the networks that are trained, by torch.compile")
    threads: PositiveInt = Field(1, description="of a job; with `gpus`, of each process")
    memory_mb: PositiveInt = Field(2000, description="of decoded samples that training keeps")
    pictures: Wanted = Field("auto", description="where the decoded crops of a training run lie")
    max_minutes: PositiveInt = Field(1440, description="that a job asks a cluster for, at most")
    speeds: Speeds = Field(Speeds(), description="stated ones, for estimates alone")

    def asked_gpu(self, count: int) -> int:
        """How many GPUs a job asks for by their number, which are `count` if it uses any."""
        return count if self.device == "cuda" and self.gres is None else 0

    def asked_gres(self, count: int) -> str:
        """What a job asks Slurm's --gres for."""
        return f"{self.gres}:{count}" if self.device == "cuda" and self.gres else ""
