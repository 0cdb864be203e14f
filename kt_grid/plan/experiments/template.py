"""A search of your own. Run it as it is, and change it step by step.

    kt-grid run my_file.py                                     on the data that comes with kt-grid
    kt-grid run my_file.py --data my.csv --target price        on your own
    kt-grid run my_file.py --grid units=8,16,32                with other values
    kt-grid run my_file.py --epochs 50 --batch-size 32         default: 100 epochs, batches of 10
    kt-grid list                                               the searches that are there
    kt-grid report my_file.py --format table
    kt-grid predict my_file.py --data new.csv

Non-numeric columns are declared (--encode city=one-hot), missing values too (--missing drop).
The first line of a run says what it takes by default; `kt-grid run --help` lists all options.
"""

import keras


def build_model(hp):
    """Hidden units and learning rate."""
    # What is asked of `hp` is the grid. Every combination is trained on every fold.
    units = hp.Choice("units", [4, 12])
    rate = hp.Choice("learning_rate", [0.001, 0.01])

    layers = [
        # Adapted in every fold to its training rows, and saved with the model.
        keras.layers.Normalization(),
        keras.layers.Dense(units, activation="relu"),
        # Two classes: 1 unit, sigmoid, binary_crossentropy.
        # Several:     a unit per class, softmax, sparse_categorical_crossentropy.
        # A number:    1 unit without activation, mean_squared_error.
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        # The loss decides what the target column is: classes, by number or name, or numbers.
        loss="binary_crossentropy",
        # The objective is val_accuracy if accuracy is here, else val_loss; or --objective.
        metrics=["accuracy"],
    )
    return model


# Every training takes 100 epochs in batches of 10, or --epochs and --batch-size. Both can be axes
# too: --grid batch_size=10,40 --grid epochs=20,50
