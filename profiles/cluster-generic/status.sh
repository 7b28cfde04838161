#!/bin/sh
# Prints how the job with the number $1 is doing: running, success or failed.
case $(scontrol --oneliner show job "$1" 2>&1) in
  *JobState=COMPLETED*) echo success ;;
  *JobState=PENDING* | *JobState=CONFIGURING* | *JobState=RUNNING* | *JobState=COMPLETING* | \
    *JobState=SUSPENDED* | *JobState=REQUEUED* | *JobState=RESIZING*) echo running ;;
  *JobState=* | *"Invalid job id"*) echo failed ;;  # it may be long over, and then is run again
  *) echo running ;;  # the controller does not answer
esac
