# Demo data: rendered pictures in the real file formats.
DEMO_FILES = (
    {
        f"{CONFIG.demo.folder}/{name}/annotations.done": demo_set
        for name, demo_set in CONFIG.demo.sets.items()
    }
    if CONFIG.demo
    else {}
)
