"""Text: every fold learns the vocabulary of its own training rows.

    python scripts/examples/text.py

On the command line: kt-grid run my_file.py --data reviews.csv --target liked --encode text=text
"""

import keras
import numpy as np

import kt_grid

random = np.random.RandomState(0)
liked = random.randint(0, 2, 60)
words = np.array([["dull", "slow", "bad"], ["lively", "fine", "good"]])
texts = np.array([[" ".join(["a film", *random.choice(words[i], 2)])] for i in liked])


def build(hp):
    vectors = keras.layers.TextVectorization(
        max_tokens=20, output_mode=hp.Choice("mode", ["multi_hot", "count"]), pad_to_max_tokens=True
    )
    layers = [keras.Input((1,), dtype="string"), vectors, keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model


tuner = kt_grid.CrossValidationTuner(build, cv=2, directory="runs", project_name="text")
tuner.search(texts, liked, epochs=5, batch_size=10)
print(tuner.best_score, tuner.best_params)
tuner.refit()
print(tuner.predict(np.array([["a good film"], ["a bad film"]])))
