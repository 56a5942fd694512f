from agent import SwiftForager

swift_forager = SwiftForager


def run(env, train):
    return train(swift_forager=SwiftForager(env))
