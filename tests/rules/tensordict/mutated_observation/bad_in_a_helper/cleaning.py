def drop_padding(tokens, padding=255):
    tokens[tokens == padding] = 0  # expect: PF106
    return tokens
