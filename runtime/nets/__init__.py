"""The building blocks of recurrent policies: cores, encoders, heads and their initialisation."""
