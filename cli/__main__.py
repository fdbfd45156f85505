"""The command line's entry."""


def main() -> None:
    """Filled by one file per command."""


if __name__ == "__main__":
    main()
