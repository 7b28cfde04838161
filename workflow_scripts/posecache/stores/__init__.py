"""What sample stores and logit stores share: sharded Zarr arrays whose content a manifest records.

A store is a folder. It is written shard by shard, by one job or several, and sealed last:

    STORE/
      arrays.zarr/      Zarr v3, leading axis = row; a shard of rows is one file per array
      ledger/           only while it is written:
        plan.json         layout and identity: what the store will be
        00007.json        shard 7 is finished: its files' bytes and sha256, and how it was made
      .lock             held exclusively to begin, take up or seal; shared to write a shard
      .lock-ID-00007    held by the one job that is making shard 7
      sealed.json       the manifest's copy, written first
      manifest.json     the rule's output, written last

                  record()                        another identity
    nothing here ----------> no plan --------------------------------+
    plan.json    ----------> this plan?  yes: its shards are kept    |
    sealed.json  ----------> this layout      once their checksums   |
                             and identity?    are verified           |
                                  |                                  |
                              take_up()  <-- first shard written --> begin_new()
                           (manifest goes,                        (arrays, ledger and
                            ledger is filled)                      manifest go, plan is written)
                                  |                                  |
                                  +---------------+------------------+
                                                  v
          a shard:  claim .lock-ID-shard, make it, .lock shared: write, read back, fsync,
                    enter in the ledger, release
                                                  v
          seal():   .lock exclusively: verify every shard, sealed.json, manifest.json,
                    remove the ledger and the locks

- A store of another identity stays whole until the first shard of the new one is ready.
- Snakemake removes a rule's output before it runs the rule again; `sealed.json` is not an
  output, so the shards of a store whose manifest is gone are still known.
- The plan is removed before the rest of the ledger: without a plan a store is sealed, however much
  of its ledger a killed job has left.
- Locks are `flock`s: the system drops them when their holder dies.
"""
