def drop_padding(tokens):
    tokens[tokens == 255] = 0
    return tokens
