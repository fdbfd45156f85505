"""What decode keeps of each gateway, and what a frame changes in it. Pure: no Faust, no Kafka, no clock."""
