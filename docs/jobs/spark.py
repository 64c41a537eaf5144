"""A list of images → rows in JSON lines, on Spark.   spark-submit spark.py images.txt rows/ [partitions]

Each partition is one process that reads paths from stdin. Without checkCode Spark takes what a killed process left for the
whole; without env the process has no environment at all, not even PATH. A failed image is a row, not a failed partition.
In `local[N]` Spark does not try again: local[N,4]. `index` in a row counts within its partition.
"""

import os
import sys

from pyspark.sql import SparkSession

images, output, *rest = sys.argv[1:]
spark = SparkSession.builder.appName("vgg16").getOrCreate()
with open(images, encoding="utf-8") as lines:
    paths = lines.read().splitlines()
# No more partitions than images: an empty list ends with exit code 4.
partitions = min(int(rest[0]) if rest else spark.sparkContext.defaultParallelism, len(paths))
model = os.environ.get("VGG16_MODEL", "imagenet")
command = f"vgg16 classify --files-from - --format jsonl --max-errors 100% --no-progress --model {model}"
env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
rows = spark.sparkContext.parallelize(paths, partitions).pipe(command, env=env, checkCode=True)
rows.saveAsTextFile(output)
spark.stop()
